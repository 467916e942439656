import signal
import subprocess
import sys
import threading

import grpc
import pytest

import harbourlight
from harbourlight import CaseKey, errors, sync
from harbourlight.reporting.v1 import reporting_pb2 as reporting

from .conftest import ORIGIN, Failure, Server


def case(etag: str) -> reporting.WatchCaseResponse:
    return reporting.WatchCaseResponse(case={"etag": etag})


def test_a_call_waits_for_its_answer(server: Server, key: CaseKey) -> None:
    server.answer("GetCase", reporting.GetCaseResponse(case={"handle": key.handle}))
    with sync.Company(server.endpoints, key) as company:
        assert company.get_case().case.handle == company.handle == key.handle


def test_an_error_is_raised_here(server: Server, key: CaseKey) -> None:
    server.answer("GetCase", Failure(grpc.StatusCode.NOT_FOUND))
    with sync.Company(server.endpoints, key) as company, pytest.raises(errors.NotFound):
        company.get_case()


def test_a_watch_is_an_iterator_that_opens_again(server: Server, key: CaseKey) -> None:
    server.answer("WatchCase", [case("1"), Failure(grpc.StatusCode.UNAVAILABLE)], [case("2")])
    with sync.Company(server.endpoints, key) as company:
        watch = company.watch_case()
        assert [next(watch).etag, next(watch).etag] == ["1", "2"]
        watch.close()


def test_ctrl_c_ends_a_watch_and_its_call(server: Server, key: CaseKey) -> None:
    def press() -> None:
        server.waits.wait(5)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with sync.Company(server.endpoints, key) as company:
        threading.Thread(target=press).start()
        with pytest.raises(KeyboardInterrupt):
            next(company.watch_case())
        assert server.gone.wait(5)


def test_python_ends_although_a_watch_was_left_open(server: Server) -> None:
    server.answer("WatchCase", [case("1")])
    program = f"""
from harbourlight import CaseKey, Endpoints, sync
endpoints = Endpoints({ORIGIN!r}, {dict(server.endpoints.services)!r})
company = sync.Company(endpoints, CaseKey.generate())
watch = company.watch_case()
print(next(watch).etag)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "1\n", "")


@pytest.mark.parametrize("name", ["Company", "Authority", "Custodian", "Ngo"])
def test_nothing_is_missing_here(name: str) -> None:
    there = {one for one in dir(getattr(harbourlight, name)) if not one.startswith("_")}
    here = {one for one in dir(getattr(sync, name)) if not one.startswith("_")}
    assert there == here
