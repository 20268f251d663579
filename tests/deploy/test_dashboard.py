"""The dashboard: what it asks for exists, and every panel says what it shows."""

import json
import re
from typing import Any

import pytest
from helm.render import CHART, Helm, examples, objects

from support.promql import selectors, unknown

LEAST = examples()["claim"]
DASHBOARD: dict[str, Any] = json.loads((CHART / "files/dashboards/sisdrop.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ALERTS = {path.stem for path in (CHART / "files" / "alerts").iterdir()}


def rendered(**values: Any) -> dict[str, Any]:
    """The ConfigMap with the dashboard."""
    text = Helm().template({**LEAST, **values}, "--show-only=templates/dashboard.yaml")
    (found,) = objects(text)
    return found


def expressions(panel: dict[str, Any]) -> list[str]:
    """What a panel asks for, with an interval as Grafana would put it in."""
    return [target["expr"].replace("$__rate_interval", "5m") for target in panel["targets"]]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_asks_for_what_there_is(panel: dict[str, Any]) -> None:
    found = [one for expression in expressions(panel) for one in selectors(expression)]
    assert found
    assert [name for one in found for name in unknown(one)] == []
    for selector in found:
        assert selector.equal.items() >= {"namespace": "$namespace", "job": "$job"}.items()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
    assert {source["uid"] for source in sources} == {"${datasource}"}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_what_is_shown_over_time_has_the_interval_of_the_screen(panel: dict[str, Any]) -> None:
    ranges = [
        span for target in panel["targets"] for span in re.findall(r"\[(.*?)\]", target["expr"])
    ]
    assert {*ranges} <= {"$__rate_interval"}


def test_every_legend_names_labels_that_are_kept() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert re.search(rf"by \([^)]*\b{label}\b", target["expr"]), panel["title"]


def test_panels_have_their_own_place() -> None:
    taken = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len({*taken})
    assert max(x for x, _ in taken) < 24
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len({*ids})


def test_every_alert_is_linked_where_its_numbers_are_shown() -> None:
    links = [link["url"] for panel in PANELS for link in panel.get("links", ())]
    assert {link.removeprefix("${runbooks}") for link in links} == ALERTS


def test_the_sidecar_finds_it_under_its_own_name() -> None:
    found = rendered(metrics={"dashboard": {"enabled": True}})
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["sisdrop.json"]) == DASHBOARD
    assert DASHBOARD["uid"] == "sisdrop"


def test_its_links_lead_to_the_runbooks_of_the_release() -> None:
    metrics = {"dashboard": {"enabled": True}, "prometheusRule": {"runbookUrl": "https://wiki/r"}}
    (text,) = rendered(metrics=metrics)["data"].values()
    (variable,) = [v for v in json.loads(text)["templating"]["list"] if v["name"] == "runbooks"]
    assert variable["query"] == variable["current"]["value"] == "https://wiki/r/"
