"""What a run that was killed leaves behind: noted while it runs, stopped by the next."""

import contextlib
import json
from collections.abc import Iterable
from typing import Any

import psutil

from deploy.embedded.folder import Folder
from deploy.embedded.processes import Child

_RECORD = "processes.json"


def save_record(folder: Folder, children: Iterable[Child]) -> None:
    """Notes what runs now, for a next run to clean up if this one is killed."""
    rows = []
    for child in children:
        with contextlib.suppress(psutil.Error):
            if child.pid is not None:
                rows.append(
                    {
                        "pid": child.pid,
                        "started": psutil.Process(child.pid).create_time(),
                        "argv": list(child.program.argv),
                        "signal": int(child.program.stop_signal),
                    }
                )
    folder.write(_RECORD, json.dumps(rows, indent=2))


def clean_up(folder: Folder) -> int:
    """Stops what an earlier run left behind in this folder; how many processes that was.

    Only a process that was provably started by that run is touched: same id, same start time,
    same command.
    """
    path = folder.path / _RECORD
    rows = json.loads(path.read_text()) if path.exists() else []
    found = [(process, row["signal"]) for row in rows if (process := _same_process(row))]
    for process, number in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    _, stubborn = psutil.wait_procs([process for process, _ in found], timeout=10)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=10)
    path.unlink(missing_ok=True)
    return len(found)


def _same_process(row: dict[str, Any]) -> psutil.Process | None:
    try:
        process, argv = psutil.Process(row["pid"]), row["argv"]
        # The clock that start times are told by may have been set meanwhile, by a little.
        same_start = abs(process.create_time() - row["started"]) < 2
        # The launcher in front of the command is gone once it has done its work.
        same = same_start and process.cmdline()[-len(argv) :] == argv
    except psutil.Error:
        return None
    return process if same else None
