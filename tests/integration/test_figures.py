"""The figures that a service shows: those that dashboards and alerts ask for, and nothing more."""

import asyncio
import json
import re
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.semconv._incubating.attributes import messaging_attributes, rpc_attributes
from opentelemetry.semconv._incubating.metrics import messaging_metrics, rpc_metrics

from deploy.embedded.folder import Folder
from harbourlight import CaseKey, Company, errors
from harbourlight.types.v1 import types_pb2 as types
from shared import conventions, figures
from shared.tls import BadTls
from tests.integration.installation import Installation
from tests.integration.waiting import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana" / "harbourlight.json").read_text())
_OURS = re.compile(r"\b(?:harbourlight|rpc|messaging|process)_\w+")


def _expressions() -> list[str]:
    found = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
    return found + [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def _labels(expression: str) -> set[str]:
    """What an expression tells figures apart by."""
    inside = re.findall(r"[{,]\s*([a-z_]+)\s*(?:=~|!=|=)", expression)
    groups = re.findall(r"by \(([a-z_, ]+)\)", expression)
    return {*inside, *(name.strip() for group in groups for name in group.split(","))}


def test_names_are_those_of_the_conventions() -> None:
    known = {
        value
        for module in (messaging_attributes, rpc_attributes, messaging_metrics, rpc_metrics)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    ours = {
        value
        for name, value in vars(conventions).items()
        if name.isupper() and isinstance(value, str) and not value.startswith("harbourlight.")
    }
    assert ours <= known
    assert conventions.CASE not in conventions.FIGURE_ATTRIBUTES


def test_figures_are_shown_to_others_by_tls_alone() -> None:
    with pytest.raises(BadTls, match="HARBOURLIGHT_METRICS is"):
        figures.set_up("test", "0.0.0.0:9464")


async def _look(address: str, ca: Path) -> str:
    """Everything that a process shows."""

    def read() -> str:
        context = ssl.create_default_context(cafile=ca)
        with urllib.request.urlopen(f"https://{address}/metrics", context=context) as answer:
            text: str = answer.read().decode()
            return text

    return await asyncio.to_thread(read)


async def test_dashboards_and_alerts_name_what_is_shown_and_it_names_no_case(
    installation: Installation,
) -> None:
    address = f"127.0.0.1:{Folder(installation.folder).port('figures')}"
    await installation.serve("triage")
    started = await installation.run("reporting", settings={"HARBOURLIGHT_METRICS": address})
    await started.said("serving on port")
    key = CaseKey.generate()
    facts = types.ReportFacts(
        country="MY",
        sector="ISIC_C",
        exploitation_type=types.EXPLOITATION_TYPE_FORCED_LABOUR,
        child_involved=types.CHILD_INVOLVEMENT_NO,
        indicators=["DEBT_BONDAGE"],
    )
    async with Company(installation.endpoints(), key) as company:
        await company.submit_report(facts)
        with pytest.raises(errors.Error):
            await company.submit_report(facts)
        watching = asyncio.create_task(_watch(company))
        ca = installation.stack.ca

        async def is_told() -> str:
            text = await _look(address, ca)
            wanted = ("messaging_process_duration_seconds_count", "harbourlight_inbox_parked{")
            return text if all(one in text for one in wanted) and "streams{" in text else ""

        text = await eventually(is_told)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    families = set(re.findall(r"^([a-z][a-z0-9_]*)(?:\{| )", text, re.MULTILINE))
    labels = {
        name
        for inside in re.findall(r"^[a-z0-9_]+\{(.*)\} ", text, re.MULTILINE)
        for name in re.findall(r'([a-z_]+)="', inside)
    }
    for expression in _expressions():
        # Without what is in braces, and behind "by": labels.
        asked = set(_OURS.findall(re.sub(r"\{[^}]*\}|by \([^)]*\)", "", expression)))
        assert asked or expression.startswith("up{"), expression
        assert asked <= families, expression
        assert _labels(expression) <= labels | {"job", "le"}, expression
    own = {name.replace(".", "_") for name in conventions.FIGURE_ATTRIBUTES}
    added = {"le", "otel_scope_name", "otel_scope_version", "otel_scope_schema_url"}
    assert {
        name
        for line in text.splitlines()
        if re.match(r"(harbourlight|rpc|messaging)_", line)
        for name in re.findall(r'([a-z_]+)="', line)
    } <= own | added
    assert key.handle not in text
    assert 'rpc_response_status_code="OK"' in text
    assert 'rpc_method="harbourlight.reporting.v1.ReportingService/SubmitReport"' in text


async def _watch(company: Company) -> Any:
    async for _ in company.watch_case():
        pass
