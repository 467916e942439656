"""The same callers without async: use them in `with`; a `watch_…` is a plain iterator.

    with sync.Company(endpoints, key) as company:
        print(company.get_case().case.state)

They run the async ones on one event loop in a thread of its own, so there is one implementation.
"""

import asyncio
import functools
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast

from harbourlight import auditor, authority, company, custodian, ngo
from harbourlight.collecting import Held, collect
from harbourlight.connection import PATIENCE
from harbourlight.custody.answering import Checked
from harbourlight.effort import OnWork, no_word
from harbourlight.endpoints import Endpoints
from harbourlight.keyed import NO_KEYS
from harbourlight.keys.files import KeyRing
from harbourlight.keys.memory import Memory
from harbourlight.keys.trust import Trust
from harbourlight.lodging import Lodged
from harbourlight.party import Party
from harbourlight.proofs.policy import LogPolicy
from harbourlight.receiptfolder import ReceiptFolder
from harbourlight.signing import CaseKey

P = ParamSpec("P")
T = TypeVar("T")


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="harbourlight", daemon=True).start()
    return loop


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result; it has ended when this returns or raises, even on Ctrl-C."""
    ended = threading.Event()

    async def run() -> T:
        try:
            return await coroutine
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(run(), _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        ended.wait(timeout=1.0)
        raise


def _iterate(generator: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    async def step() -> T:
        return await anext(generator)

    try:
        # A watch has no end of its own: what ends it is an error or who iterates.
        while True:
            yield _run(step())
    finally:
        # When Python ends, the loop's thread stands still and nothing would come back from it.
        if not sys.is_finalizing():
            _run(generator.aclose())


class _Blocking:
    """Base of the callers below: holds the async one."""

    def __init__(self, party: Party) -> None:
        self._party = party

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all calls and closes the connection."""
        _run(self._party.close())


class _Method(Generic[P, T]):
    """An async method as one that waits."""

    def __init__(self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: _Blocking, owner: type[_Blocking]) -> Callable[P, T]:
        @functools.wraps(self._method)
        def call(*arguments: P.args, **keywords: P.kwargs) -> T:
            return _run(self._method(instance._party, *arguments, **keywords))

        return call


class _Watch(Generic[P, T]):
    """An async generator method as a plain one."""

    def __init__(self, method: Callable[Concatenate[Any, P], AsyncGenerator[T, None]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(
        self, instance: _Blocking, owner: type[_Blocking]
    ) -> Callable[P, Generator[T, None, None]]:
        @functools.wraps(self._method)
        def iterate(*arguments: P.args, **keywords: P.kwargs) -> Generator[T, None, None]:
            return _iterate(self._method(instance._party, *arguments, **keywords))

        return iterate


class Company(_Blocking):
    """See harbourlight.Company."""

    def __init__(
        self,
        endpoints: Endpoints,
        key: CaseKey,
        *,
        receipts: ReceiptFolder | None = None,
        memory: Memory | None = None,
        patience: float = PATIENCE,
        on_work: OnWork = no_word,
    ) -> None:
        super().__init__(
            company.Company(
                endpoints,
                key,
                receipts=receipts,
                memory=memory,
                patience=patience,
                on_work=on_work,
            )
        )
        self.handle = key.handle
        """Handle of the case."""

    place_marker = _Method(company.Company.place_marker)
    perfect_marker = _Method(company.Company.perfect_marker)
    submit_report = _Method(company.Company.submit_report)
    amend_report = _Method(company.Company.amend_report)
    withdraw_report = _Method(company.Company.withdraw_report)
    look_before = _Method(company.Company.look_before)
    send_message = _Method(company.Company.send_message)
    list_messages = _Method(company.Company.list_messages)
    add_evidence = _Method(company.Company.add_evidence)
    list_evidence = _Method(company.Company.list_evidence)
    get_evidence = _Method(company.Company.get_evidence)
    watch_messages = _Watch(company.Company.watch_messages)
    list_receipts = _Method(company.Company.list_receipts)
    restore_receipts = _Method(company.Company.restore_receipts)
    get_case = _Method(company.Company.get_case)
    watch_case = _Watch(company.Company.watch_case)
    list_notices = _Method(company.Company.list_notices)
    watch_notices = _Watch(company.Company.watch_notices)
    propose_plan = _Method(company.Company.propose_plan)
    record_progress = _Method(company.Company.record_progress)
    get_remedy = _Method(company.Company.get_remedy)
    watch_remedy = _Watch(company.Company.watch_remedy)


class _Verifier(_Blocking):
    verify_item = _Method(ngo.Ngo.verify_item)
    dispute_item = _Method(ngo.Ngo.dispute_item)


class Authority(_Verifier):
    """See harbourlight.Authority."""

    def __init__(
        self,
        endpoints: Endpoints,
        token: str,
        *,
        keys: KeyRing = NO_KEYS,
        memory: Memory | None = None,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(
            authority.Authority(endpoints, token, keys=keys, memory=memory, patience=patience)
        )

    list_queue = _Method(authority.Authority.list_queue)
    watch_queue = _Watch(authority.Authority.watch_queue)
    get_referral = _Method(authority.Authority.get_referral)
    accept_referral = _Method(authority.Authority.accept_referral)
    reject_referral = _Method(authority.Authority.reject_referral)
    request_information = _Method(authority.Authority.request_information)
    record_progress = _Method(authority.Authority.record_progress)
    complete_referral = _Method(authority.Authority.complete_referral)
    decide_protection = _Method(authority.Authority.decide_protection)
    request_unsealing = _Method(authority.Authority.request_unsealing)
    list_my_unsealings = _Method(authority.Authority.list_my_unsealings)
    get_unsealing = _Method(authority.Authority.get_unsealing)
    open_identity = _Method(authority.Authority.open_identity)
    read_remark = _Method(authority.Authority.read_remark)
    transfer_referral = _Method(authority.Authority.transfer_referral)
    recuse_officer = _Method(authority.Authority.recuse_officer)
    release_facts = _Method(authority.Authority.release_facts)
    read_report = _Method(authority.Authority.read_report)
    send_message = _Method(authority.Authority.send_message)
    list_messages = _Method(authority.Authority.list_messages)
    list_evidence = _Method(authority.Authority.list_evidence)
    get_evidence = _Method(authority.Authority.get_evidence)
    watch_messages = _Watch(authority.Authority.watch_messages)
    reseal_case = _Method(authority.Authority.reseal_case)
    confirm_reseal = _Method(authority.Authority.confirm_reseal)
    erase_case = _Method(authority.Authority.erase_case)
    agree_plan = _Method(authority.Authority.agree_plan)
    cancel_item = _Method(authority.Authority.cancel_item)
    get_remedy = _Method(authority.Authority.get_remedy)
    watch_remedy = _Watch(authority.Authority.watch_remedy)


class Custodian(_Blocking):
    """See harbourlight.Custodian."""

    _party: custodian.Custodian

    def __init__(
        self,
        endpoints: Endpoints,
        token: str,
        *,
        keys: KeyRing = NO_KEYS,
        memory: Memory | None = None,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(
            custodian.Custodian(endpoints, token, keys=keys, memory=memory, patience=patience)
        )

    list_unsealings = _Method(custodian.Custodian.list_unsealings)
    get_unsealing = _Method(custodian.Custodian.get_unsealing)
    check_unsealing = _Method(custodian.Custodian.check_unsealing)
    grant_unsealing = _Method(custodian.Custodian.grant_unsealing)
    erase_case = _Method(custodian.Custodian.erase_case)
    refuse_unsealing = _Method(custodian.Custodian.refuse_unsealing)

    def read_reason(self, checked: Checked) -> str:
        """See harbourlight.Custodian.read_reason."""
        return self._party.read_reason(checked)


class Ngo(_Verifier):
    """See harbourlight.Ngo."""

    def __init__(self, endpoints: Endpoints, token: str, *, patience: float = PATIENCE) -> None:
        super().__init__(ngo.Ngo(endpoints, token, patience=patience))

    subscribe_remedy = _Watch(ngo.Ngo.subscribe_remedy)
    list_assignments = _Method(ngo.Ngo.list_assignments)


class Ledger(_Blocking):
    """See harbourlight.Ledger."""

    def __init__(
        self, endpoints: Endpoints, token: str = "", *, patience: float = PATIENCE
    ) -> None:
        super().__init__(auditor.Ledger(endpoints, token, patience=patience))

    get_checkpoint = _Method(auditor.Ledger.get_checkpoint)
    get_receipt = _Method(auditor.Ledger.get_receipt)
    get_inclusion_proof = _Method(auditor.Ledger.get_inclusion_proof)
    get_consistency_proof = _Method(auditor.Ledger.get_consistency_proof)
    list_entries = _Method(auditor.Ledger.list_entries)
    add_cosignature = _Method(auditor.Ledger.add_cosignature)
    publish_entry = _Method(auditor.Ledger.publish_entry)

    def collect(
        self,
        folder: ReceiptFolder,
        receipts: Sequence[Lodged],
        policy: LogPolicy,
        *,
        trust: Trust | None = None,
    ) -> list[Held]:
        """See harbourlight.collecting.collect."""
        ledger = cast(auditor.Ledger, self._party)
        return _run(collect(folder, receipts, ledger, policy, trust=trust))
