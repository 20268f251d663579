"""Rendered manifests, read so that no field in them goes unnoticed."""

import base64
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import yaml

_UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


class ManifestError(Exception):
    """A manifest says what the tests cannot do, or points to what is not there."""


class Fields:
    """One mapping of a manifest, as a context; what nobody has asked for at its end is refused.

    So a field that is added to the chart fails the tests until somebody says what it means here.
    """

    def __init__(self, where: str, content: Mapping[str, Any] | None) -> None:
        self._where = where
        self._left = dict(content or {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if kind is None and self._left:
            raise ManifestError(f"{self._where}: not understood here: {', '.join(self._left)}")

    def take(self, name: str, otherwise: Any = None) -> Any:
        """The value of a field that need not be there."""
        return self._left.pop(name, otherwise)

    def need(self, name: str) -> Any:
        """The value of a field.

        Raises:
            ManifestError: if it is not there.
        """
        if name not in self._left:
            raise ManifestError(f"{self._where}: {name} is missing")
        return self._left.pop(name)

    def expect(self, name: str, value: object) -> None:
        """A field that has to be there with this very value: the only one that is acted on here.

        Raises:
            ManifestError: if it is not.
        """
        found = self.need(name)
        if found != value:
            raise ManifestError(
                f"{self._where}: {name} is {found!r}, and only {value!r} works here"
            )

    def inner(self, name: str) -> "Fields":
        """The fields of a mapping in a field; none when it is not there."""
        return Fields(f"{self._where}.{name}", self.take(name))


class Manifests:
    """What `helm template` rendered."""

    def __init__(self, text: str) -> None:
        self._documents: list[dict[str, Any]] = [d for d in yaml.safe_load_all(text) if d]

    def named(self, kind: str) -> dict[str, dict[str, Any]]:
        """All objects of a kind, by name."""
        return {d["metadata"]["name"]: d for d in self._documents if d["kind"] == kind}

    def only(self, kind: str) -> dict[str, Any]:
        """The one object of a kind.

        Raises:
            ManifestError: if there is none, or more.
        """
        found = self.named(kind)
        if len(found) != 1:
            raise ManifestError(f"one {kind} is needed, and there are {len(found)}")
        return next(iter(found.values()))

    def config_maps(self) -> dict[str, dict[str, bytes]]:
        """The contents of every ConfigMap, by name and key."""
        return {
            name: {key: text.encode() for key, text in (document.get("data") or {}).items()}
            | {key: base64.b64decode(b) for key, b in (document.get("binaryData") or {}).items()}
            for name, document in self.named("ConfigMap").items()
        }


def quantity(text: str | int) -> float:
    """A Kubernetes quantity, such as 256Mi or 100m, as a number.

    Raises:
        ManifestError: if it is none.
    """
    found = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", str(text))
    if found is None or found[2] not in _UNITS:
        raise ManifestError(f"{text!r} is no quantity")
    return float(found[1]) * _UNITS[found[2]]
