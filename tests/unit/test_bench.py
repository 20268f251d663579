"""The table of the benchmark, and that the harness runs; its figures are nobody's test."""

import pytest
from bench.run import main
from bench.table import against, limited, markdown, told


def test_the_table_says_whether_each_goal_was_met() -> None:
    table = markdown(
        [
            against("way", 3.0, 6.0, "shell line", 0.6),
            against("upload", 2.5, 2.0, "`sftp`", 1.0),
            against("no goal", 130.4, 100.0, "another", unit="ms"),
            limited("memory", 99.54, 90, "MB"),
            told("register", "21 bytes"),
        ]
    )
    assert table.splitlines() == [
        "| what     | measured | yardstick       | ratio | goal    | met |",
        "| -------- | -------: | --------------- | ----: | ------- | --- |",
        "| way      |      3 s | 6 s: shell line |  0.50 | ≤ 0.60  | yes |",
        "| upload   |    2.5 s | 2 s: `sftp`     |  1.25 | ≤ 1.00  | no  |",
        "| no goal  |   130 ms | 100 ms: another |  1.30 |         |     |",
        "| memory   |  99.5 MB |                 |       | ≤ 90 MB | no  |",
        "| register | 21 bytes |                 |       |         |     |",
    ]


def test_a_row_can_be_measured_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--users", "200", "--only", "refine"]) == 0
    said = capsys.readouterr().out
    assert "| check and zip alone, 200 users " in said
    assert "cores" in said


def test_what_cannot_be_measured_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other rows are still worth their time, so a failure costs its own row only."""
    monkeypatch.setenv("PATH", "")
    assert main(["--users", "200", "--only", "refine"]) == 1
    assert "could not be measured" in capsys.readouterr().out
