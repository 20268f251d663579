"""What expressions in PromQL name, held against the catalogue of metrics."""

from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser
from promql_parser import MatchOp, VectorSelector

from sisdrop.metrics_catalogue import PREFIX, ROWS

# What Prometheus and its operator add to every series.
TARGET = {"namespace", "job", "instance", "pod", "container", "service", "endpoint"}
# What is not ours: of Prometheus itself, and of the client library.
OTHERS: dict[str, set[str]] = {
    "up": set(),
    "ALERTS": {"alertname", "alertstate"},
    "process_start_time_seconds": set(),
    "process_resident_memory_bytes": set(),
}


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector: the metric's name, and per label the values that it names."""

    name: str
    labels: dict[str, tuple[str, ...]]
    # Those of the labels that must be equal.
    equal: dict[str, str]


def selectors(expression: str) -> list[Selector]:
    """Every selector of an expression.

    Raises:
        ValueError: if it is none.
    """
    found: list[Selector] = []

    def visit(node: object) -> None:
        if isinstance(node, VectorSelector):
            matchers = node.matchers.matchers
            found.append(
                Selector(
                    node.name or "",
                    {m.name: tuple(m.value.split("|")) for m in matchers},
                    {m.name: m.value for m in matchers if m.op == MatchOp.Equal},
                )
            )

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def unknown(selector: Selector) -> Iterator[str]:
    """What a selector names that is not in the catalogue."""
    if selector.name in OTHERS:
        yield from {*selector.labels} - TARGET - OTHERS[selector.name]
        return
    known = _LABELS.get(selector.name)
    if known is None:
        yield selector.name
        return
    for label, values in selector.labels.items():
        if label in TARGET:
            continue
        if label not in known:
            yield f"{selector.name}: {label}"
        elif (closed := known[label]) is not None:
            yield from (f"{label}={value}" for value in values if value not in closed)


def _labels() -> Iterator[tuple[str, dict[str, tuple[str, ...] | None]]]:
    for row in ROWS:
        name, labels = PREFIX + row.name, dict(row.labels)
        if row.kind == "histogram":
            yield from ((f"{name}_{part}", labels) for part in ("sum", "count"))
            yield f"{name}_bucket", {**labels, "le": None}
        else:
            yield name, labels


_LABELS = dict(_labels())
