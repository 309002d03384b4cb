"""Each panel of a dashboard asks for what the application writes, and nothing that it writes is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.k8s import promql
from tests.k8s.checks.monitoring import recorded, rules
from tests.k8s.manifests import K8S, load
from tests.k8s.program import metric_labels

FILES = sorted((K8S / "components" / "monitoring" / "dashboards").glob("*.json"))
VARIABLES = {"$__rate_interval": "5m", "$namespace": "millwright-prod"}


def expressions(board: Any) -> Iterator[tuple[str, str]]:
    """Each query of a dashboard with the title of its panel, Grafana's variables filled in."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            yield panel["title"], text


def written() -> set[str]:
    """The application's own series, without the parts of histograms and the ages of counters."""
    parts = ("_bucket", "_sum", "_count", "_created")
    return {
        name.removesuffix("_total")
        for name in metric_labels()
        if not name.endswith(parts) and not name.startswith(("process_", "python_"))
    }


def read(expression: str) -> set[str]:
    names = {name for name, _ in promql.series(expression)}
    for suffix in ("_total", "_bucket", "_sum", "_count"):
        names = {name.removesuffix(suffix) for name in names}
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_a_dashboard_asks_for_series_that_there_are(file: Any) -> None:
    board = json.loads(file.read_text())

    for title, expression in expressions(board):
        assert list(promql.faults(expression, recorded())) == [], title
        assert 'namespace=~"millwright-prod"' in expression, f"{title} mixes namespaces"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_the_panels_of_a_dashboard_have_their_own_place_and_number(file: Any) -> None:
    panels = json.loads(file.read_text())["panels"]
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]

    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_metric_is_shown_recorded_or_alerted_on() -> None:
    shown: set[str] = set()
    for file in FILES:
        for _, expression in expressions(json.loads(file.read_text())):
            shown |= read(expression)
    for _, rule in rules(load("overlays/prod")):
        shown |= read(rule["expr"])

    assert written() - shown == set()


def test_every_dashboard_is_deployed() -> None:
    boards = [
        d for d in load("overlays/prod").documents if d["metadata"].get("labels", {}).get("grafana_dashboard")
    ]

    assert {name for board in boards for name in board["data"]} == {file.name for file in FILES}


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("rate(http_request_total[5m])", "nobody writes 'http_request_total'"),
        ('rate(http_requests_total{tenant="a"}[5m])', "http_requests_total has no label tenant"),
        ("rate(http_requests_total[5m]", "is no PromQL"),
    ],
)
def test_a_query_for_what_there_is_not_is_noticed(expression: str, fault: str) -> None:
    assert fault in next(promql.faults(expression, recorded()))
