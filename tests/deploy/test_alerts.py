"""The alerts: as the chart renders them, as promtool reads them, and beside their runbooks."""

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from helm.generate import RULES
from helm.render import CHART, ROOT, ChartRefused, Helm, examples, objects

from sisdrop.cli import app
from sisdrop.metrics import Metrics
from sisdrop.metrics_catalogue import BLOCKING
from support.promql import Selector, selectors, unknown

PROMTOOL = "/usr/bin/promtool"
LEAST = examples()["claim"]
TESTS = Path(__file__).parent / "alerts"
RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS = sorted(path.stem for path in (CHART / "files" / "alerts").iterdir())
COMMAND = re.compile(r"(?:-- |^)sisdrop ([a-z-]+[^|]*)$")


def rules(
    changes: Mapping[str, Any] | None = None, *, others: Mapping[str, Any] | None = None, **how: Any
) -> list[dict[str, Any]]:
    """The rules that the chart gives; `changes` are those of `metrics.prometheusRule`."""
    metrics = {"prometheusRule": {"enabled": True, **(changes or {})}, **(others or {})}
    rendered = Helm(**how).template(
        {**LEAST, "metrics": metrics}, "--show-only=templates/prometheusrule.yaml"
    )
    (rule,) = objects(rendered)
    return [one for group in rule["spec"]["groups"] for one in group["rules"]]


def named(found: list[dict[str, Any]]) -> Iterator[Selector]:
    """Every selector in the expressions of rules."""
    for rule in found:
        yield from selectors(rule["expr"])


def promtool(*arguments: str | Path) -> str:
    """What promtool says; fails when it finds something."""
    done = subprocess.run(
        [PROMTOOL, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


RENDERED = rules()


# What Prometheus makes of them.


def test_promtool_finds_nothing_to_say() -> None:
    assert f"{len(RENDERED)} rules found" in promtool("check", "rules", "--lint=all", RULES)


@pytest.mark.parametrize("alert", ALERTS)
def test_it_fires_and_is_quiet_when_it_must(alert: str) -> None:
    assert "SUCCESS" in promtool("test", "rules", TESTS / f"{alert}_test.yaml")


@pytest.mark.parametrize("alert", ALERTS)
def test_it_is_tested_before_while_and_after_it_fires_and_in_a_similar_case(alert: str) -> None:
    cases = yaml.safe_load((TESTS / f"{alert}_test.yaml").read_text())["tests"]
    told = [[bool(at["exp_alerts"]) for at in case["alert_rule_test"]] for case in cases]
    assert any(not case[0] and True in case and not case[-1] for case in told)
    assert any(True not in case for case in told)
    assert {at["alertname"] for case in cases for at in case["alert_rule_test"]} == {alert}
    fired = [one for case in cases for at in case["alert_rule_test"] for one in at["exp_alerts"]]
    severities = {rule["labels"]["severity"] for rule in RENDERED if rule["alert"] == alert}
    assert {one["exp_labels"]["severity"] for one in fired} == severities


def test_a_fresh_install_is_quiet(tmp_path: Path) -> None:
    """The service's own series, before the first file, for the week until one is due."""
    known = {
        "sisdrop_share_up": 1,
        "sisdrop_ledger_writable": 1,
        "sisdrop_data_free_bytes": 2**34,
        'sisdrop_next_expected_timestamp_seconds{stream="patrons"}': 8 * 86400,
    }
    lines = Metrics(["patrons"], "0.1.0", "3.13.5").render()[0].decode().splitlines()
    series = [line.rpartition(" ") for line in lines if line.startswith("sisdrop_")]
    given = {name: f"{known.get(name, value)}+0x2016" for name, _, value in series}
    given |= {"sisdrop_last_scan_timestamp_seconds": "1+300x2016", "up": "1+0x2016"}
    given |= {"process_start_time_seconds": "1+0x2016"}
    checks: list[dict[str, Any]] = [
        {"eval_time": at, "alertname": alert, "exp_alerts": []}
        for alert in ALERTS
        for at in ("10m", "1h", "7d")
    ]
    case = {
        "interval": "5m",
        "input_series": [
            {"series": _of_job(name), "values": values} for name, values in given.items()
        ],
        "alert_rule_test": checks,
    }
    test = tmp_path / "fresh.yaml"
    test.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "10m", "tests": [case]})
    )
    assert "SUCCESS" in promtool("test", "rules", test)


def _of_job(series: str) -> str:
    """A series as it is scraped: with the labels of its target."""
    name, _, labels = series.partition("{")
    return f'{name}{{job="sisdrop",instance="10.0.0.1:8080",{labels.rstrip("}")}}}'


# What belongs together.


def test_alerts_thresholds_runbooks_and_tests_are_the_same_set() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert {rule["alert"] for rule in RENDERED} == {*ALERTS}
    assert {*values["metrics"]["prometheusRule"]["thresholds"]} == {*ALERTS}
    assert {path.name for path in RUNBOOKS.iterdir()} == {f"{alert}.md" for alert in ALERTS}
    assert {path.name for path in TESTS.iterdir()} == {f"{alert}_test.yaml" for alert in ALERTS}


def test_the_operator_finds_every_alert_with_its_severities() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| ([a-z, ]+) \|", text, re.MULTILINE)
    known: dict[str, list[str]] = {}
    for rule in RENDERED:
        known.setdefault(rule["alert"], []).append(rule["labels"]["severity"])
    assert {name: severities.split(", ") for name, severities in listed} == known


@pytest.mark.parametrize("rule", RENDERED, ids=lambda rule: rule["alert"])
def test_every_rule_says_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["alert"].startswith("Sisdrop")
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    said = rule["annotations"]
    assert said.keys() == {"summary", "description", "runbook_url"}
    assert said["summary"].endswith(".")
    assert "{{" not in said["summary"]
    assert said["runbook_url"] == f"http://sisdrop.library.svc:8080/runbooks/{rule['alert']}"


def test_one_alert_has_one_summary() -> None:
    assert len({(rule["alert"], rule["annotations"]["summary"]) for rule in RENDERED}) == len(
        ALERTS
    )


@pytest.mark.parametrize("alert", ["SisdropDown", "SisdropLoopStalled"])
def test_the_text_suffices_when_the_service_serves_no_runbook(alert: str) -> None:
    (rule,) = [rule for rule in rules(release="a", namespace="b") if rule["alert"] == alert]
    assert "`kubectl -n b logs deploy/a-sisdrop --tail=50`" in rule["annotations"]["description"]


@pytest.mark.parametrize("selector", [*named(RENDERED)], ids=lambda selector: selector.name)
def test_everything_that_an_expression_names_is_in_the_catalogue(selector: Selector) -> None:
    assert [*unknown(selector)] == []


# One release does not hear another.


@pytest.mark.parametrize(
    ("others", "kind", "job"),
    [
        ({"serviceMonitor": {"enabled": True}}, "Service", "{name}"),
        ({"podMonitor": {"enabled": True}}, "PodMonitor", "{namespace}/{name}"),
        ({"podMonitor": {"enabled": True, "namespace": "watch"}}, "PodMonitor", "watch/{name}"),
        ({}, "Service", "{name}"),
    ],
)
def test_rules_look_at_the_series_of_their_own_release_only(
    others: dict[str, Any], kind: str, job: str
) -> None:
    """The operator calls a job after the Service, or after the PodMonitor's namespace and name."""
    how: dict[str, Any] = {"release": "member", "namespace": "library"}
    rendered = Helm(**how).template({**LEAST, "metrics": others})
    (watched,) = [one["metadata"] for one in objects(rendered) if one["kind"] == kind]
    wanted = {"namespace": "library", "job": job.format(**{**watched, "namespace": "library"})}
    for selector in named(rules(others=others, **how)):
        assert {label: selector.equal.get(label) for label in wanted} == wanted


def test_another_way_to_scrape_has_another_selector() -> None:
    for selector in named(rules({"selector": 'job="x",member="abc"'})):
        assert selector.equal.items() >= {"job": "x", "member": "abc"}.items()


# What the values change.


def test_an_alert_can_be_left_out() -> None:
    left = {rule["alert"] for rule in rules({"excludeRules": ["SisdropFileHeld"]})}
    assert left == {*ALERTS} - {"SisdropFileHeld"}
    assert rules({"excludeRules": ALERTS}) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"excludeRules": ["SisdropFileHold"]}, "excludeRules"),
        ({"thresholds": {"SisdropFileHold": {}}}, "SisdropFileHold"),
        ({"thresholds": {"SisdropFileHeld": {"after": "4 hours"}}}, "after"),
    ],
)
def test_a_typo_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ChartRefused, match=says):
        rules(changes)


def test_thresholds_are_values() -> None:
    changes = {"thresholds": {"SisdropFileHeld": {"after": "3d", "for": "7m"}}}
    (rule,) = [rule for rule in rules(changes) if rule["alert"] == "SisdropFileHeld"]
    assert rule["expr"].endswith("> 259200")
    assert rule["for"] == "7m"


@pytest.mark.parametrize(
    ("archive", "seconds"),
    [
        ({}, 60 * 86400),
        ({"retention": "30d"}, 60 * 86400),
        ({"retention": "90d"}, 90 * 86400),
        ({"retention": "30d", "rejected_retention": "36h"}, 30 * 86400),
        ({"retention": "1.5d", "rejected_retention": "36h"}, 129600),
    ],
)
def test_retention_is_what_the_settings_say(archive: dict[str, Any], seconds: int) -> None:
    found = _with_archive(archive)
    assert f"> {seconds} + 172800" in found["SisdropRetentionStalled"]


@pytest.mark.parametrize("archive", [{"keep_last": 1}, {"rejected_retention": None}])
def test_what_may_stay_for_ever_stalls_nothing(archive: dict[str, Any]) -> None:
    assert "SisdropRetentionStalled" not in _with_archive(archive)


def _with_archive(archive: dict[str, Any]) -> dict[str, str]:
    values = {
        **LEAST,
        "config": {**LEAST["config"], "archive": archive},
        "metrics": {"prometheusRule": {"enabled": True}},
    }
    found = objects(Helm().template(values, "--show-only=templates/prometheusrule.yaml"))
    return {
        rule["alert"]: rule["expr"] for one in found for rule in one["spec"]["groups"][0]["rules"]
    }


@pytest.mark.parametrize("given", ["https://wiki/sisdrop", "https://wiki/sisdrop/"])
def test_runbooks_can_be_kept_elsewhere(given: str) -> None:
    urls = {rule["annotations"]["runbook_url"] for rule in rules({"runbookUrl": given})}
    assert urls == {f"https://wiki/sisdrop/{alert}" for alert in ALERTS}


def test_the_runbooks_can_be_reached_while_the_service_is_not_ready() -> None:
    """A share that is gone makes it unready, and Kubernetes would lead nobody there."""
    found = {one["kind"]: one for one in objects(Helm().template(LEAST))}
    assert found["Service"]["spec"]["publishNotReadyAddresses"] is True


def test_without_a_service_somebody_says_where_the_runbooks_are() -> None:
    values = {
        **LEAST, "service": {"enabled": False}, "metrics": {"prometheusRule": {"enabled": True}},
    }  # fmt: skip
    with pytest.raises(ChartRefused, match="runbookUrl is missing"):
        Helm().template(values)


# Runbooks.


@pytest.mark.parametrize("alert", ALERTS)
def test_every_runbook_has_the_same_parts(alert: str) -> None:
    text = (RUNBOOKS / f"{alert}.md").read_text()
    assert re.findall(r"^#+ .*$", text, re.MULTILINE) == [
        f"# {alert}",
        "## Meaning",
        "## Impact",
        "## Diagnosis",
        "## Mitigation",
        "## Is any file at risk?",
    ]


def test_the_operator_is_told_what_to_do_for_every_reason() -> None:
    text = (RUNBOOKS / "SisdropNeedsOperator.md").read_text()
    assert {*re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)} == {*BLOCKING}


def _commands() -> Iterator[tuple[str, str]]:
    texts = {alert: (RUNBOOKS / f"{alert}.md").read_text() for alert in ALERTS}
    texts |= {rule["alert"] + " text": rule["annotations"]["description"] for rule in RENDERED}
    for name, text in texts.items():
        for span in re.findall(r"`([^`\n]+)`|^ *(kubectl .*)$", text, re.MULTILINE):
            if (found := COMMAND.search("".join(span))) is not None:
                yield name, found[1]


@pytest.mark.parametrize(("where", "command"), [*_commands()])
def test_every_command_is_one_of_ours(where: str, command: str) -> None:
    name, *arguments = shlex.split(command)
    group = typer.main.get_command(app)
    context = group.make_context("sisdrop", [name, *arguments])
    _, found, rest = group.resolve_command(context, [name, *arguments])  # type: ignore[attr-defined]
    found.make_context(name, rest)
