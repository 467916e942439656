"""`harbourlight-ops`: the command line of operators."""

import sys

from deploy.ops.cli import main

if __name__ == "__main__":
    sys.exit(main())
