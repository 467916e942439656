"""The question that tells whether a gRPC server is ready."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


async def is_serving(address: str) -> bool:
    """Whether a gRPC server says that it serves."""
    # Proxies are for other machines.
    options = [("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
