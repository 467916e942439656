"""Prints a `.env` for docker-compose.yml, with fresh passwords and secrets.

python3 deploy/docker/fresh_env.py > .env
"""

import re
import secrets
from pathlib import Path

COMPOSE = Path(__file__).resolve().parents[2] / "docker-compose.yml"


def lines(compose: str) -> list[str]:
    """A line per variable that the compose file requires; what cannot be drawn is left open."""
    required = dict(re.findall(r"\$\{(\w+):\?([^}]*)\}", compose))
    return [
        f"{name}={secrets.token_hex(32)}"
        if re.match(r"HARBOURLIGHT_(PASSWORD|SECRET)_", name)
        else f"# {holds}\n{name}="
        for name, holds in sorted(required.items())
    ]


if __name__ == "__main__":
    print("\n".join(lines(COMPOSE.read_text(encoding="utf-8"))))
