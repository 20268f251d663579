import pytest

from sisdrop.health import Check, CheckName, Health, liveness, readiness

GOOD = Check(ok=True, detail="fine")
BAD = Check(ok=False, detail="gone")


def all_good() -> dict[str, Check]:
    return {name.value: GOOD for name in CheckName}


def test_a_loop_that_passed_recently_is_alive() -> None:
    assert liveness(now=100.0, last_beat=95.0, limit=180.0).ok


@pytest.mark.parametrize(("age", "alive"), [(180.0, True), (180.5, False), (-3.0, True)])
def test_the_limit_is_the_last_good_second(age: float, *, alive: bool) -> None:
    assert liveness(now=1000.0, last_beat=1000.0 - age, limit=180.0).ok is alive


def test_liveness_says_how_old_the_last_beat_is() -> None:
    assert liveness(now=300.0, last_beat=0.0, limit=180.0).shape() == {
        "checks": {
            "loop": {"ok": False, "detail": "last beat 300 s ago, at most 180 s are allowed"}
        }
    }


def test_an_instance_with_every_check_good_is_ready() -> None:
    assert readiness(all_good()).ok


@pytest.mark.parametrize("name", CheckName)
def test_one_bad_check_makes_an_instance_unready(name: CheckName) -> None:
    health = readiness(all_good() | {name.value: BAD})
    assert not health.ok
    assert health.shape()["checks"][name] == {"ok": False, "detail": "gone"}


def test_a_check_that_nobody_made_is_not_good() -> None:
    health = readiness({CheckName.LOCK: GOOD})
    assert not health.ok
    assert list(health.checks) == ["settings", "lock", "ledger", "data", "share"]
    assert health.checks["share"] == Check(ok=False, detail="not looked at yet")


def test_a_further_check_counts_too() -> None:
    assert not readiness(all_good() | {"moon": BAD}).ok


def test_no_check_at_all_is_good() -> None:
    assert Health({}).ok
