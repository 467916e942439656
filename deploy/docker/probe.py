"""Exit code 0 if the process in this container serves: `python -m deploy.docker.probe`."""

import os
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def main() -> None:
    """Asks the port of HARBOURLIGHT_LISTEN."""
    port = os.environ["HARBOURLIGHT_LISTEN"].rpartition(":")[2]
    # Proxies are for other machines.
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=3)
        except grpc.RpcError as error:
            sys.exit(f"not serving: {error}")
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        sys.exit("not serving")


if __name__ == "__main__":
    main()
