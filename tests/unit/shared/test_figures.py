"""Figures lead to their traces, and tell nothing apart that identifies anybody."""

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from shared import conventions, figures


def test_a_call_s_figure_leads_to_its_trace_and_no_attribute_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    monkeypatch.setattr(figures._Exports, "exemplars", True)
    with figures.call("/a.b.Service/Method") as outcome:
        outcome.status = "OK"
    with figures.streaming("/a.b.Service/Watch"):
        figures.taken_in("group", ["topic", "topic"], 0.1)
        figures.behind("group", {"topic": 3})
        figures.sent([("topic", "type"), ("topic", "type")])
        figures.leads("service", True)
    data = reader.get_metrics_data()
    assert data
    found = {
        metric.name: list(metric.data.data_points)
        for one in data.resource_metrics
        for scope in one.scope_metrics
        for metric in scope.metrics
    }
    (call,) = found[conventions.RPC_SERVER_DURATION]
    assert dict(call.attributes or {}) == {
        conventions.RPC_SYSTEM: "grpc",
        conventions.RPC_METHOD: "a.b.Service/Method",
        conventions.RPC_STATUS: "OK",
    }
    (exemplar,) = call.exemplars
    assert f"{exemplar.trace_id:032x}" == outcome.span.trace_id
    assert not exemplar.filtered_attributes
    told = {
        name for points in found.values() for point in points for name in point.attributes or ()
    }
    assert told <= conventions.FIGURE_ATTRIBUTES
    (sent,) = found[conventions.MESSAGING_SENT]
    assert getattr(sent, "value") == 2  # noqa: B009 (points of several kinds share a list)
