"""Floor of routing: a bare Faust agent that forwards what it gets, as bytes."""

import faust

from bench import tasks
from shared.tls import client_context

_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")


def _application(given: dict[str, str]) -> faust.App:
    kafka = given["kafka"]
    app = faust.App(
        given["group"],
        broker=f"kafka://{kafka['bootstrap_servers']}",
        broker_credentials=faust.SASLCredentials(
            username=kafka["sasl_plain_username"],
            password=kafka["sasl_plain_password"],
            mechanism=kafka["sasl_mechanism"],
            ssl_context=client_context(*(kafka.get(name) for name in _FILES)),
        )
        if "sasl_mechanism" in kafka
        else None,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        store="memory://",
        value_serializer="raw",
        key_serializer="raw",
    )
    source, target = (
        app.topic(given[name], value_serializer="raw", key_serializer="raw")
        for name in ("source", "target")
    )

    @app.agent(source, concurrency=1)
    async def forward(stream: faust.StreamT) -> None:
        async for event in stream.events():
            await event.forward(target)

    return app


if __name__ == "__main__":
    _app = _application(tasks.arguments())
    _app.finalize()
    faust.Worker(_app, loglevel="WARN", redirect_stdouts=False).execute_from_commandline()
