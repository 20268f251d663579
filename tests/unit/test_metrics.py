import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sisdrop.errors import REJECTED_REASONS, Reason
from sisdrop.metrics import AttemptResult, MailResult, Metrics, Outcome, RecordOutcome
from sisdrop.metrics_catalogue import BLOCKING, ROWS, document
from sisdrop.model import Counts, Stage, State
from sisdrop.states import FINAL, OPEN

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC)
STREAMS = ["students", "employees"]

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def make() -> Metrics:
    return Metrics(STREAMS, "0.1.0", "3.11.9")


def series(metrics: Metrics) -> Series:
    """Every series of ours on the page, by name without the prefix and by labels."""
    body, _ = metrics.render()
    return {
        (sample.name.removeprefix("sisdrop_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name.startswith("sisdrop_")
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return series(metrics)[name, frozenset(labels.items())]


def test_every_series_exists_from_the_start_with_zero() -> None:
    """A counter that is born at 1 makes the first rejection ever a silent one."""
    found = series(make())
    values = {name: number for (name, _), number in found.items() if number}
    assert values == {"build_info": 1.0}
    names = [name for name, _ in found]
    assert names.count("files_total") == len(STREAMS) * len(Outcome)
    assert names.count("rejections_total") == len(STREAMS) * len(REJECTED_REASONS)
    assert names.count("records_total") == len(STREAMS) * len(RecordOutcome)
    assert names.count("blocked") == len(BLOCKING)
    assert names.count("files_in_state") == len(OPEN)
    assert names.count("stage_duration_seconds_count") == len(Stage)
    assert names.count("delivery_attempts_total") == len(AttemptResult)


def everything() -> Metrics:
    """Metrics on which every method was called with every closed value."""
    metrics = make()
    for stream in STREAMS:
        for outcome in Outcome:
            metrics.file_finished(stream, outcome)
        for reason in REJECTED_REASONS:
            metrics.file_rejected(stream, reason)
        metrics.records(stream, Counts(15, 5, 4, 3, 2, 1))
        metrics.delivered_bytes(stream, 10)
        metrics.refined_bytes(stream, 100)
        metrics.set_last_delivery(stream, NOW, 5)
        metrics.set_last_pickup(stream, NOW)
        metrics.set_next_expected(stream, NOW)
        metrics.set_content_unchanged(stream, unchanged=True)
        metrics.set_pickup_overdue(stream, 2)
    for stage in Stage:
        metrics.stage_took(stage, 0.5)
    for result in AttemptResult:
        metrics.delivery_attempted(result)
    for mail in MailResult:
        metrics.mail(mail)
    metrics.set_mails_waiting(1)
    metrics.woken()
    metrics.set_open_files(dict.fromkeys(State, 3), dict.fromkeys(State, NOW))
    metrics.set_blocked(list(Reason))
    metrics.set_unmatched(1)
    metrics.set_inbox_oldest(NOW)
    metrics.set_share_up(up=True)
    metrics.set_last_scan(NOW)
    metrics.set_watcher_up(up=True)
    metrics.set_archive(files=2, size=50, oldest=NOW)
    metrics.set_data_free(1000)
    metrics.set_ledger_writable(writable=True)
    metrics.set_leader(leader=True)
    return metrics


def test_use_adds_no_series() -> None:
    assert set(series(everything())) == set(series(make()))


def test_every_series_can_be_moved_from_zero() -> None:
    still = {key for key, number in series(everything()).items() if not number}
    assert {name for name, _ in still} == {"stage_duration_seconds_bucket"}


def test_label_values_come_from_closed_lists_or_the_settings_only() -> None:
    allowed = {"stream": set(STREAMS), "version": {"0.1.0"}, "python": {"3.11.9"}}
    closed = {
        (row.name, label): set(values if values is not None else allowed[label])
        for row in ROWS
        for label, values in row.labels
    }
    for name, labels in series(everything()):
        row = name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        for label, labelled in labels:
            assert label == "le" or labelled in closed[row, label]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda m: m.file_finished("students", "lost"),
        lambda m: m.file_rejected("students", Reason.AUTH),
        lambda m: m.stage_took("nap", 1.0),
        lambda m: m.delivery_attempted("maybe"),
    ],
)
def test_a_value_outside_a_closed_list_is_refused(misuse: Callable[[Metrics], None]) -> None:
    metrics = make()
    with pytest.raises(ValueError, match=r"is not a valid|rejects no file"):
        misuse(metrics)
    assert set(series(metrics)) == set(series(make()))


def test_records_are_counted_by_what_became_of_them() -> None:
    metrics = make()
    metrics.records("students", Counts(15, 5, 4, 3, 2, 1))
    metrics.records("students", Counts(15, 5, 4, 3, 2, 1))
    counted = {
        outcome: value(metrics, "records_total", stream="students", outcome=outcome)
        for outcome in RecordOutcome
    }
    assert counted == {"delivered": 10, "left_out": 8, "duplicate": 6, "yielded": 4, "warned": 2}


def test_a_time_that_is_not_known_is_zero_again() -> None:
    metrics = make()
    metrics.set_next_expected("students", NOW)
    assert value(metrics, "next_expected_timestamp_seconds", stream="students") == NOW.timestamp()
    metrics.set_next_expected("students", None)
    assert value(metrics, "next_expected_timestamp_seconds", stream="students") == 0


def test_a_state_that_no_file_is_in_any_more_goes_back_to_zero() -> None:
    metrics = make()
    metrics.set_open_files({State.HELD: 2}, {State.HELD: NOW})
    metrics.set_open_files({}, {})
    assert value(metrics, "files_in_state", state="held") == 0
    assert value(metrics, "oldest_waiting_timestamp_seconds", state="held") == 0


def test_final_states_have_no_series() -> None:
    found = {dict(labels).get("state") for name, labels in series(make()) if "state" in name}
    assert found.isdisjoint(FINAL)


def test_a_block_that_is_mended_goes_back_to_zero() -> None:
    metrics = make()
    metrics.set_blocked([Reason.AUTH, Reason.TIMEOUT])
    assert value(metrics, "blocked", reason="auth") == 1
    metrics.set_blocked([])
    assert value(metrics, "blocked", reason="auth") == 0


def test_a_clock_that_jumped_back_does_not_lower_a_sum() -> None:
    metrics = make()
    metrics.stage_took(Stage.DELIVER, -5.0)
    assert value(metrics, "stage_duration_seconds_sum", stage="deliver") == 0


def test_two_instances_do_not_share_their_numbers() -> None:
    first, second = make(), make()
    first.woken()
    assert value(second, "watch_wakeups_total") == 0


def test_no_created_series_stands_beside_a_counter() -> None:
    assert b"_created" not in make().render()[0]


def test_promtool_has_nothing_to_say() -> None:
    body, content_type = everything().render()
    done = subprocess.run(
        ["/usr/bin/promtool", "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"


def test_the_catalogue_for_people_is_fresh() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == document(), (
        "run: .venv/bin/python -m sisdrop.metrics_catalogue > docs/metrics.md"
    )
