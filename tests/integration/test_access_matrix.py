"""Every method by everybody, on real services: who has nothing to do with a case finds none.

Methods are those that the contract has. One that is added is covered where its request names the
case by `handle`, `referral_id`, `item_id` or `unsealing_id`; one that names it otherwise fails here
until it is told how.
"""

from contextlib import AsyncExitStack

from google.protobuf.descriptor import MethodDescriptor

from harbourlight.options.v1 import options_pb2 as options
from tests.contract import everything
from tests.integration import logs
from tests.integration.installation import Installation
from tests.integration.matrix import EVERYBODY, Answer, Scene, Who, stage
from tests.integration.parties import at
from tests.integration.waiting import eventually

# Reads come first, and what ends a case or takes it away from its desk comes last.
_LAST = ("TransferReferral", "ResealCase", "ConfirmReseal", "WithdrawReport", "EraseCase")
_NAMES = {"handle", "referral_id", "item_id", "unsealing_id"}
_OTHER_IDS = {
    # Of something that is no case.
    *("request_id", "facility_id"),
}
_ANONYMOUS = {
    # What these tell says nothing of a case by name, whoever asks.
    "harbourlight.notification.v1.NotificationService.SubscribeRemedy",
    "harbourlight.ledger.v1.LedgerService.PublishEntry",
}
_SEEN = ("GetCase", "GetReferral", "GetRemedy", "GetUnsealing", "ListEvidence", "GetSealedReport")
_ADMITTED = {"OK", "FAILED_PRECONDITION", "ABORTED", "ALREADY_EXISTS", "INVALID_ARGUMENT"}
"""What the right caller may be told: it got to the case, and the case decided. A request that does
not fit the case tells that, too: the same from a stranger finds no case."""


def roles(method: MethodDescriptor) -> set[str]:
    """Who may call, by name."""
    access = method.GetOptions().Extensions[options.access]
    return {options.Role.Name(role).removeprefix("ROLE_") for role in access.roles}


def names_a_case(method: MethodDescriptor) -> bool:
    return not _NAMES.isdisjoint(method.input_type.fields_by_name)


def is_denied(who: Who, method: MethodDescriptor) -> bool:
    return "PUBLIC" not in roles(method) and who.role not in roles(method)


def _order(method: MethodDescriptor) -> tuple[int, str]:
    if method.name in _LAST:
        return 2 + _LAST.index(method.name), method.name
    return int("request_id" in method.input_type.fields_by_name), method.name


METHODS = sorted(everything.METHODS, key=_order)


def test_every_method_names_a_case_in_a_way_that_is_known_here() -> None:
    for method in METHODS:
        ids = {name for name in method.input_type.fields_by_name if name.endswith("_id")}
        assert ids <= _NAMES | _OTHER_IDS, f"{method.full_name}: what is {ids}?"


def fault_of_stranger(scene: Scene, method: MethodDescriptor, who: Who, answer: Answer) -> str:
    """What is wrong about this answer to who has no business with the case, or nothing."""
    if is_denied(who, method):
        wanted = "UNAUTHENTICATED" if who.role == "PUBLIC" else "PERMISSION_DENIED"
        return "" if answer.code == wanted else f"{answer.code} instead of {wanted}"
    if "PUBLIC" in roles(method) or method.full_name in _ANONYMOUS:
        wrong = answer.code in ("UNAUTHENTICATED", "PERMISSION_DENIED")
        return answer.code if wrong else _seen_in(scene, answer)
    if answer.code == "OK" and "request_id" not in method.input_type.fields_by_name:
        return _seen_in(scene, answer)
    return "" if answer.code == "NOT_FOUND" else f"{answer.code} {answer.details}"


def _seen_in(scene: Scene, answer: Answer) -> str:
    found = [trace for trace in scene.traces if trace in answer.body]
    return f"it shows {found}" if found else ""


def fault_of_friend(scene: Scene, method: MethodDescriptor, answer: Answer) -> str:
    """What is wrong about this answer to whose case it is, or nothing."""
    if "PUBLIC" in roles(method) or method.full_name in _ANONYMOUS:
        denied = answer.code in ("UNAUTHENTICATED", "PERMISSION_DENIED")
        return answer.code if denied else ""
    if answer.code not in _ADMITTED:
        return f"{answer.code} {answer.details}"
    if not names_a_case(method) and not _seen_in(scene, answer):
        # Else a list that is empty for strangers would prove nothing.
        return "it shows nothing of the case"
    return ""


_READ = {
    "reporting": ("triage",),
    "triage": ("reporting", "remedy"),
    "remedy": ("reporting", "triage"),
}
"""Service -> whose events it takes in."""


async def _is_settled(installation: Installation) -> bool:
    """Whether each service has taken in what the others had to tell of the case."""
    for reader, sources in _READ.items():
        told = " + ".join(
            f"(SELECT coalesce(sum(last), 0) FROM {source}.outbox_sequence"
            f" WHERE topic = '{source}.events.v1')"
            for source in sources
        )
        taken = f"(SELECT coalesce(sum(sequence), 0) FROM {reader}.inbox_mark)"
        if (await installation.ask(f"SELECT {told} - {taken}"))[0][0]:
            return False
    return True


async def test_everybody_at_every_method(installation: Installation) -> None:
    async with AsyncExitStack() as stack:
        for name in ("reporting", "triage", "remedy", "notification"):
            await installation.serve(name)
        await logs.serve(installation)
        parties = await stack.enter_async_context(at(installation))
        scene = await stage(installation, parties)
        channels = {
            name: await stack.enter_async_context(installation.channel(name))
            for name in ("reporting", "triage", "remedy", "notification", "ledger")
        }

        async def call(method: MethodDescriptor, who: Who) -> Answer:
            channel = channels[method.containing_service.full_name.split(".")[1]]
            return await scene.call(channel, method, who)

        async def seen() -> list[bytes]:
            return [
                (await call(method, who)).body
                for method in METHODS
                if method.name in _SEEN
                for who in EVERYBODY
                if who.is_right and not is_denied(who, method)
            ]

        await eventually(lambda: _is_settled(installation))
        before = await seen()
        assert all(before)
        faults = []
        for method in METHODS:
            for who in EVERYBODY:
                if is_denied(who, method) or not who.is_right:
                    answer = await call(method, who)
                    if fault := fault_of_stranger(scene, method, who, answer):
                        faults.append(f"{who.name} at {method.full_name}: {fault}")
        assert not faults, "\n".join(faults)
        assert await seen() == before, "somebody without business in the case has changed it"
        for method in METHODS:
            for who in EVERYBODY:
                if is_denied(who, method) or not who.is_right:
                    continue
                if fault := fault_of_friend(scene, method, await call(method, who)):
                    faults.append(f"{who.name} at {method.full_name}: {fault}")
        assert not faults, "\n".join(faults)
