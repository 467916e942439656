"""What operators run on a live installation: `harbourlight-ops`, or `python -m deploy.ops`."""
