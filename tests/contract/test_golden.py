"""Recorded events read as they were written, and are still written as they were."""

import json
from pathlib import Path

import pytest
from google.protobuf import json_format

from shared.contract import EventType
from tests.contract import everything, golden

every_event = pytest.mark.parametrize("event", everything.EVENTS, ids=lambda event: event.name)
every_recording = pytest.mark.parametrize(
    ("event", "recording"),
    [(event, path) for event in everything.EVENTS for path in golden.files(event)],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)


@every_event
def test_every_field_of_an_event_is_recorded(event: EventType) -> None:
    assert golden.unrecorded(event) == set(), (
        "record what is new with `python -m tests.contract.golden`, and commit the file; "
        "recordings that are there already are never changed"
    )


def test_every_recording_is_of_an_event_that_the_contract_still_has() -> None:
    known = {path for event in everything.EVENTS for path in golden.files(event)}
    assert set(golden.FOLDER.iterdir()) == known


@every_recording
def test_a_recorded_event_says_what_it_said(event: EventType, recording: Path) -> None:
    says = json.loads(recording.read_text())["says"]
    assert golden.said(golden.decoded(event, recording)) == says


@every_recording
def test_what_a_recorded_event_says_is_written_as_it_was(event: EventType, recording: Path) -> None:
    recorded = json.loads(recording.read_text())
    message = json_format.ParseDict(recorded["says"], event.message())
    assert message.SerializeToString(deterministic=True).hex() == recorded["bytes"]
