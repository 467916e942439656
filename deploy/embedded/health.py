"""The question that tells whether a gRPC server is ready."""

from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


async def is_serving(address: str, ca: Path | None = None) -> bool:
    """Whether a gRPC server says that it serves; without `ca` it is asked without TLS."""
    # Proxies are for other machines.
    options = [("grpc.enable_http_proxy", 0)]
    async with channel(address, ca, options) as opened:
        stub = health_pb2_grpc.HealthStub(opened)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def channel(
    address: str, ca: Path | None, options: list[tuple[str, int]] | None = None
) -> grpc.aio.Channel:
    """A channel to a server whose certificate `ca` has signed; without `ca`, without TLS."""
    if ca is None:
        return grpc.aio.insecure_channel(address, options=options)
    credentials = grpc.ssl_channel_credentials(ca.read_bytes())
    return grpc.aio.secure_channel(address, credentials, options=options)
