"""An installation as its operators reach it."""

import asyncio
import json
import os
import sys
from typing import Any

from deploy.embedded.bootstrap import ROOT
from deploy.ops.site import Site
from tests.integration.installation import Installation


def site_of(installation: Installation) -> Site:
    """The installation, as its administrator."""
    return Site(
        installation.admin_url,
        installation.stack.kafka_admin,
        installation.prefix,
        endpoints=installation.endpoints(),
    )


async def ops(installation: Installation, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `harbourlight-ops`, as it is run from a shell."""
    settings = {
        "HARBOURLIGHT_ADMIN_DATABASE_URL": installation.stack.admin_database_url,
        "HARBOURLIGHT_DATABASE": installation.name,
        "HARBOURLIGHT_TOPIC_PREFIX": installation.prefix,
        **installation.stack.kafka_admin.environment(),
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HARBOURLIGHT_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.ops", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=inherited | settings,
        cwd=ROOT,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def ops_json(installation: Installation, *arguments: str) -> Any:
    """What a command that must succeed says in JSON."""
    code, output, errors = await ops(installation, *arguments, "--json")
    assert code == 0, errors
    return json.loads(output)
