"""Exit code 0 if the process in this container serves: `python -m deploy.docker.probe`."""

import os
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def main() -> None:
    """Asks the port of HARBOURLIGHT_LISTEN, as the certificate beside it says for localhost."""
    port = os.environ["HARBOURLIGHT_LISTEN"].rpartition(":")[2]
    certificate, key = (
        Path(os.environ[f"HARBOURLIGHT_TLS_{name}"]).read_bytes() for name in ("CERTIFICATE", "KEY")
    )
    # It is the very certificate that we expect, whoever signed it; where callers have to show one
    # (HARBOURLIGHT_TLS_CLIENT_CA), the server's own has to be for callers as well.
    credentials = grpc.ssl_channel_credentials(certificate, key, certificate)
    # Proxies are for other machines.
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.secure_channel(f"localhost:{port}", credentials, options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=3)
        except grpc.RpcError as error:
            sys.exit(f"not serving: {error}")
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        sys.exit("not serving")


if __name__ == "__main__":
    main()
