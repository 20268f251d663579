"""What holds for every test."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

# `--hypothesis-profile=soak`: what chance finds takes long to find.
settings.register_profile("soak", max_examples=5000, deadline=None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failure: what was not run was not shown."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI allows no skipping"
    return report
