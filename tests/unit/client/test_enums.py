import pytest

from harbourlight import enums
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.types.v1 import types_pb2 as types

KIND = types.ExploitationType.DESCRIPTOR


@pytest.mark.parametrize(
    "typed",
    ["FORCED_LABOUR", "forced-labour", " Forced labour ", "EXPLOITATION_TYPE_FORCED_LABOUR"],
)
def test_a_value_may_be_typed_in_many_ways(typed: str) -> None:
    assert enums.parse(KIND, typed) == types.EXPLOITATION_TYPE_FORCED_LABOUR


@pytest.mark.parametrize("typed", ["FORCED_LABOR", "", "UNSPECIFIED", "1"])
def test_a_wrong_value_lists_what_exists(typed: str) -> None:
    with pytest.raises(ValueError, match="none of FORCED_LABOUR, SEXUAL_EXPLOITATION"):
        enums.parse(KIND, typed)


def test_a_near_miss_gets_a_hint() -> None:
    with pytest.raises(ValueError, match=r"did you mean FORCED_LABOUR\?"):
        enums.parse(KIND, "FORCED_LABOR")


def test_every_value_goes_out_and_comes_back() -> None:
    for name, number in enums.names(KIND).items():
        assert enums.name(KIND, number) == name
        assert enums.parse(KIND, name.lower()) == number


def test_values_of_a_newer_contract_are_shown_as_numbers() -> None:
    assert enums.name(KIND, 0) == ""
    assert enums.name(KIND, 4711) == "4711"


def test_words() -> None:
    assert enums.words(KIND, types.EXPLOITATION_TYPE_FORCED_LABOUR) == "forced labour"
    assert enums.words(remedy.VerifierKind.DESCRIPTOR, remedy.VERIFIER_KIND_NGO) == "NGO"


def test_json_may_use_short_names_at_any_depth() -> None:
    data = {"items": [{"kind": "back-wages", "beneficiaries": 3}], "unknown": "X"}
    assert enums.expand(remedy.ProposePlanRequest.DESCRIPTOR, data) == {
        "items": [{"kind": types.REMEDY_KIND_BACK_WAGES, "beneficiaries": 3}],
        "unknown": "X",
    }
    with pytest.raises(ValueError, match="kind: 'x' is none of"):
        enums.expand(remedy.ItemProposal.DESCRIPTOR, {"kind": "x"})
