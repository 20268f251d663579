"""The invented extracts that the benchmark and the larger tests rest on."""

import random
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from sisdrop.model import Refined
from support.invented.extract import extract, write_extract
from support.invented.faults import FAULTS, Fault
from support.invented.record import record
from support.refining import refined
from support.xml import users

PEOPLE = 2_000


@cache
def content(fault_rate: float = 0.0) -> bytes:
    return b"".join(extract(PEOPLE, seed=7, fault_rate=fault_rate))


def findings(result: Refined) -> Counter[str]:
    return Counter({one.rule: one.count for one in result.findings})


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    size = write_extract(tmp_path / "a.xml", PEOPLE, seed=7, fault_rate=0.1)
    again = (tmp_path / "a.xml").read_bytes()
    assert again == content(0.1)
    assert len(again) == size
    assert b"".join(extract(PEOPLE, seed=8, fault_rate=0.1)) != again


def test_without_faults_no_rule_is_broken(tmp_path: Path) -> None:
    result = refined(content(), tmp_path)
    assert result.fatal is None
    assert result.findings == ()
    assert result.counts.delivered == PEOPLE


def test_the_fault_rate_is_true(tmp_path: Path) -> None:
    """Each fault is one finding; 200 are expected, with a standard deviation of 13."""
    result = refined(content(0.1), tmp_path)
    assert result.fatal is None
    assert 160 <= findings(result).total() <= 240


def test_faults_are_of_many_kinds_and_warnings_are_the_most(tmp_path: Path) -> None:
    result = refined(content(0.5), tmp_path)
    assert set(findings(result)) == {fault.rule for fault in FAULTS}
    left_out = result.counts.left_out + result.counts.duplicates
    assert 3 * left_out < result.counts.warned


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_breaks_the_rule_that_it_names(fault: Fault, tmp_path: Path) -> None:
    dice = random.Random(7)  # noqa: S311  # test data, not secrets
    earlier, sound = record(dice, 1), record(dice, 2)
    result = refined(users(earlier, fault.apply(sound, earlier)), tmp_path)
    assert findings(result) == {fault.rule: 1}


def test_what_a_fault_does_not_touch_is_the_same_at_any_rate() -> None:
    sound, faulty = (content(rate).split(b" <user>\n") for rate in (0.0, 0.1))
    assert len(sound) == len(faulty)
    assert 160 <= sum(a != b for a, b in zip(sound, faulty, strict=True)) <= 240


def test_records_are_as_large_and_as_compressible_as_real_ones() -> None:
    document = content()
    assert 2_200 < len(document) / PEOPLE < 2_500
    assert 10 < len(document) / len(zlib.compress(document, 6)) < 20


def test_not_everybody_has_everything_nor_an_english_name() -> None:
    records = content().decode().split(" <user>\n")[1:]
    has = {
        part: sum(part in one for one in records) / PEOPLE
        for part in ("<phones>", "<user_note ", "<line2>", "INST_ID", "personal<")
    }
    assert all(0.02 < share < 0.98 for share in has.values()), has
    assert 0.03 < sum(not one.isascii() for one in records) / PEOPLE < 0.12
