"""The commands that look at the installation, and those that make again what is lost."""

import argparse
import asyncio
from pathlib import Path

from rich.console import Group

from deploy.ops import doctor, flow, picture, rebuild
from deploy.ops.options import FAULTS, Commands, Options, add, add_reason, add_service
from deploy.ops.output import ago, show, table
from deploy.ops.site import NotFound, Site, Unusable


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Adds them."""
    outbox = commands.add_parser("outbox", help="events on their way out")
    add(
        outbox.add_subparsers(required=True, metavar="command"),
        *("status", _outbox, "what waits to be sent, since when, and whether a relay sends it"),
    )
    add(commands, "lag", _lag, "what each group has not read of each topic")
    again = commands.add_parser("rebuild", help="make again what can be made from what is kept")
    _add_rebuild(again.add_subparsers(required=True, metavar="command"))
    add(commands, "doctor", _doctor, "what is wrong, and what to do")
    trace = add(commands, "trace", _trace, "draw a case's path through the services")
    trace.add_argument("handle", help="the case, HL-…")
    trace.add_argument("--number", type=int, default=1, help="which of its traces; 1 is the first")
    trace.add_argument("--svg", type=Path, help="write the picture into this file, too")
    trace.add_argument("--telemetry", type=Path, help="folder of the span files")


def _add_rebuild(commands: "Commands[argparse.ArgumentParser]") -> None:
    topics = add(commands, "topics", _rebuild_topics, "send again what the topics have lost")
    add_service(topics)
    topics.add_argument("--dry-run", action="store_true", help="only say how much is missing")
    add_reason(topics)
    add_reason(
        add(
            commands, "routed", _rebuild_routed, "have the (stopped) router read all from the start"
        )
    )


async def _outbox(where: Site, options: Options) -> int:
    async with where.connect() as connection:
        rows = await flow.outboxes(connection, where.prefix)
    people = table(
        ("service", "unsent", "oldest waits", "relay", "kept", "kept since"),
        [
            (
                *(one.service, one.unsent, ago(one.oldest_seconds)),
                *("sends" if one.relay else "NONE", one.kept, one.kept_since),
            )
            for one in rows
        ],
        "There is no outbox.",
    )
    show(rows, people, as_json=options.json)
    return 0


async def _lag(where: Site, options: Options) -> int:
    rows = await flow.lags(where)
    people = table(
        ("group", "topic", "records behind", "members"),
        [(one.group, one.topic, one.records, one.members or "NONE") for one in rows],
        "Nobody reads anything.",
    )
    show(rows, people, as_json=options.json)
    return 0


async def _rebuild_topics(where: Site, options: Options) -> int:
    done = await rebuild.topics(
        where,
        options.operator,
        options.reason,
        service=options.service,
        dry_run=options.dry_run,
    )
    people = table(
        ("service", "kept", "missing" if options.dry_run else "sent again"),
        [(one.service, one.kept, one.sent_again) for one in done],
        "There is no outbox.",
    )
    show(done, people, as_json=options.json)
    return 0


async def _rebuild_routed(where: Site, options: Options) -> int:
    count = await rebuild.routed(where, options.operator, options.reason)
    text = f"The router reads {count} records again once it is started."
    show({"records": count}, text, as_json=options.json)
    return 0


async def _doctor(where: Site, options: Options) -> int:
    found = await doctor.examine(where)
    wrong = [one for one in found if one.level != doctor.GOOD]
    people = Group(
        table(
            ("", "about", "what"),
            [({"good": "ok"}.get(one.level, one.level), one.area, one.what) for one in found],
            "Nothing was looked at.",
        ),
        "",
        *(f"{one.area}: {one.what}\n    -> {one.do}" for one in wrong),
        *(() if wrong else ["Nothing is wrong."]),
    )
    show(found, people, as_json=options.json)
    return FAULTS if any(one.level == doctor.BAD for one in found) else 0


async def _trace(where: Site, options: Options) -> int:
    folder = options.telemetry or where.telemetry
    if folder is None or not folder.is_dir():
        raise Unusable(
            "there is no folder of span files: name it with --telemetry; where spans go to a "
            "server (OTEL_EXPORTER_OTLP_ENDPOINT), look there for harbourlight.case"
        )
    traces = await asyncio.to_thread(picture.read_traces, folder, options.handle)
    if not traces:
        raise NotFound(f"no span in {folder} is about {options.handle}")
    if not 1 <= options.number <= len(traces):
        raise NotFound(f"{options.handle} has {len(traces)} traces: there is no {options.number}")
    steps = traces[options.number - 1]
    if options.svg:
        title = f"The path of case {options.handle}"
        options.svg.write_text(picture.svg(steps, title), encoding="utf-8")
    others = table(
        ("number", "began", "with", "steps"),
        [
            (number, f"{one[0].moment:%Y-%m-%d %H:%M:%S}", one[0].name, len(one))
            for number, one in enumerate(traces, 1)
        ],
        "",
    )
    people = Group(*picture.terminal(steps), "", *([others] if len(traces) > 1 else []))
    show(steps, people, as_json=options.json)
    return 0
