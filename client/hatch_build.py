"""Build hook: writes the contract code first, and puts its sources into source distributions."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The build backend runs this file without its folder on the path.
sys.path.insert(0, str(Path(__file__).parent))
import codegen


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs before every wheel, editable install and source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generates the code. Raises codegen.CodegenError, whose message is for people."""
        codegen.generate()
        if self.target_name == "sdist":
            build_data["force_include"] |= {
                str(codegen.PROTOS): "protos",
                str(codegen.VENDOR): "vendor",
            }
