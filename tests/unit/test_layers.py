"""Which module may import which: the table below is the architecture, and every module is in it.

A module may import its own layer and the layers above it in the table. A name that ends in `.*`
stands for all modules of a package whose inside is its own affair.
"""

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sisdrop

ROOT = Path(sisdrop.__file__).parent

FOUNDATION = "errors model states clock"
PURE = """
    guard precedence retention recovery expectation profile units words plain broken story shapes
    health text_report dashboard log_catalogue metrics_catalogue
    sampling difference hints difference_text letters
    inbox inbox.settle inbox.names
    records records.framing records.duplicates records.encoding records.roots records.rule
    records.schema_faults records.wellformed records.xpath records.fatal records.place
    records.rewinding records.unzip records.zip_directory records.zip_faults
    records.fields records.traits
    delivery delivery.phases delivery.lanes delivery.remote
"""
ADAPTERS = """
    durable lock ledger archive kept roster comparison bundle requests log metrics page report
    share_pages http_server web runbooks settings settings.* mailer
    memory inbox.faults inbox.scan inbox.share inbox.watch
    records.catalogue records.check records.chunk records.crew records.enrolment
    records.facts records.findings records.judge records.reading records.refine records.rules
    records.schema records.schema_check records.source records.values records.value_crew buckets
    delivery.attempt delivery.deadline delivery.demo_server delivery.faults delivery.folder
    delivery.inventory delivery.keys delivery.line delivery.upload
    delivery.pins delivery.probe delivery.scan delivery.session delivery.sftp
"""
PIPELINE = "pipeline pipeline.*"
SERVICE = "arrivals absence situation view source gauges rounds courier mails"
LOOPS = "daemon"
COMPOSITION = "build app"
COMMANDS = """
    asking terminal progress offline validating settings_page preflight preflight.* demo demo.*
    reader sample sample_file diff cli
"""

LAYERS = tuple(
    tuple(layer.split())
    for layer in (
        FOUNDATION,
        PURE,
        ADAPTERS,
        PIPELINE,
        SERVICE,
        LOOPS,
        COMPOSITION,
        COMMANDS,
    )
)

# What a pure module never touches: clock, chance, disk, network, log, metrics, concurrency.
EFFECTS = frozenset(
    {
        *("os", "io", "shutil", "tempfile", "pathlib", "fcntl", "mmap", "sqlite3"),
        *("time", "random", "secrets", "uuid"),
        *("socket", "ssl", "http", "urllib", "asyncssh", "subprocess", "signal"),
        *("logging", "structlog", "prometheus_client"),
        *("asyncio", "threading", "concurrent", "multiprocessing"),
    }
)
# `model` has paths among its values, and a name is taken apart as a path is.
PATH_NAMES = {"model": "Path", "inbox.names": "PurePath"}

# Each library behind one door.
DOORS = {
    "asyncssh": ("delivery.*",),
    "watchdog": ("inbox.watch",),
    "prometheus_client": ("metrics",),
    "structlog": ("log",),
    "logging": ("log",),
    "sqlite3": ("ledger",),
    # The demo reads what arrived as its receiver would.
    "xxhash": ("records.check",),
    "lxml": ("records.*", "profile", "demo.evidence"),
    "isal": ("bundle", "archive"),
    "jinja2": ("page",),
    "uvicorn": ("http_server",),
    "starlette": ("http_server", "web"),
    "yaml": ("settings.yaml_file", "settings_page", "cli", "demo.*"),
    "typer": ("cli",),
    "rich": ("cli", "terminal", "progress", "demo.*"),
    "uvloop": ("cli", "demo.*"),
    "smtplib": ("mailer",),
    "markdown_it": ("runbooks",),
    "markupsafe": ("page",),
}


def module_name(path: Path) -> str:
    """`records.check` for `records/check.py`, `records` for its `__init__.py`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {
    module_name(path): ast.parse(path.read_text("utf-8")) for path in sorted(ROOT.rglob("*.py"))
}
# The package itself holds the version and nothing else.
MODULES = sorted(name for name in TREES if name)


def names_imported(module: str) -> Iterator[str]:
    """Every dotted name that a module imports, wherever in it the import stands."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def ours(module: str) -> set[str]:
    """Our own modules that a module imports."""
    found = set()
    for name in names_imported(module):
        head, _, rest = name.partition(".")
        if head != "sisdrop":
            continue
        while rest not in TREES:
            rest = rest.rpartition(".")[0]
        found.add(rest)
    return found - {""}


@cache
def others(module: str) -> set[str]:
    """The libraries that a module imports."""
    return {name.partition(".")[0] for name in names_imported(module)} - {"sisdrop"}


def fits(module: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in patterns)


def places(module: str) -> list[int]:
    """The layers that list a module; its own name counts before its package's."""
    exact = [number for number, layer in enumerate(LAYERS) if module in layer]
    return exact or [number for number, layer in enumerate(LAYERS) if fits(module, layer)]


NEAR_THE_CORE = [module for module in MODULES if places(module) in ([0], [1])]


def calls(module: str) -> set[str]:
    """The names of all functions and methods that a module calls."""
    functions = [node.func for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)]
    names = {node.id for node in functions if isinstance(node, ast.Name)}
    return names | {node.attr for node in functions if isinstance(node, ast.Attribute)}


def test_every_module_has_one_place() -> None:
    assert [module for module in MODULES if len(places(module)) != 1] == []


def test_every_place_has_its_module() -> None:
    listed = [pattern for layer in LAYERS for pattern in layer]
    assert len(listed) == len(set(listed))
    assert [p for p in listed if not any(fnmatchcase(m, p) for m in MODULES)] == []


def test_no_module_imports_what_stands_above_it() -> None:
    upward = [
        f"{module} imports {name}"
        for module in MODULES
        for name in ours(module)
        if places(name) > places(module)
    ]
    assert upward == []


def test_no_import_goes_round_in_a_circle() -> None:
    TopologicalSorter({module: ours(module) for module in MODULES}).prepare()


def test_a_pure_module_touches_nothing_outside() -> None:
    touched = {module: others(module) & EFFECTS for module in NEAR_THE_CORE}
    assert touched.pop("clock") == {"time"}
    for module, name in PATH_NAMES.items():
        assert touched.pop(module) == {"pathlib"}
        assert [n for n in names_imported(module) if "pathlib" in n] == [f"pathlib.{name}"]
    assert {module: names for module, names in touched.items() if names} == {}


def test_a_pure_module_reads_no_clock_and_opens_no_file() -> None:
    found = {module: calls(module) & {"now", "utcnow", "today", "open"} for module in NEAR_THE_CORE}
    assert found.pop("clock") == {"now"}
    assert {module: names for module, names in found.items() if names} == {}


@pytest.mark.parametrize("library", DOORS)
def test_a_library_has_one_door(library: str) -> None:
    users = {module for module in MODULES if library in others(module)}
    assert users, f"nobody uses {library} any more"
    assert {module for module in users if not fits(module, DOORS[library])} == set()


def test_the_package_itself_imports_nothing() -> None:
    assert set(names_imported("")) == set()
