"""The schema that records are checked by: our own, or a file that the operator names."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lxml import etree
from typing_extensions import override

from sisdrop.errors import ConfigError, Problem

BUILTIN = Path(__file__).with_name("user.xsd")
BUILTIN_NAME = "builtin"
KEY = "validation.schema"
# Every chunk is checked as a document of this shape, so a schema must know it.
ROOT = "users"


@dataclass(frozen=True, slots=True)
class Schema:
    """A compiled schema and the digest that names it in every report.

    `name` is `builtin` or `file`. `sha256` is the digest of the file or, where it includes
    others, of all of them one after the other in the order in which they are first read, as
    `cat a.xsd b.xsd | sha256sum` would print it.

    `validator` keeps the errors of its last run on itself, so a thread that validates needs one
    of its own: take `fresh()` in each worker and keep it there.
    """

    name: str
    sha256: str
    validator: etree.XMLSchema = field(repr=False, compare=False)
    # The bytes of every file read, by the address that libxml2 asked for; the main file is first.
    sources: Mapping[str, bytes] = field(repr=False, compare=False)

    @property
    def is_builtin(self) -> bool:
        """Whether it is our own."""
        return self.name == BUILTIN_NAME

    @property
    def label(self) -> str:
        """How reports name the schema: `builtin sha256:…` or `file sha256:…`."""
        return f"{self.name} sha256:{self.sha256}"

    def fresh(self) -> "Schema":
        """The same schema compiled again, from the bytes already read, for another thread."""
        main = next(iter(self.sources))
        validator = _compile(main, _Recall(self.sources))
        return Schema(self.name, self.sha256, validator, self.sources)


def load_schema(path: Path | None) -> Schema:
    """Read and compile the schema file `path`, or the built-in one for None.

    Files that it includes are read from where they lie relative to it; nothing is fetched from
    the network.

    Raises:
        ConfigError: if a file cannot be read, is no schema, or does not declare `users`.
    """
    reading = _Read()
    main = str(path or BUILTIN)
    validator = _compile(main, reading)
    sources = {main: reading.sources.pop(main), **reading.sources}
    digest = hashlib.sha256(b"".join(sources.values())).hexdigest()
    _check_root(validator, main)
    return Schema("file" if path else BUILTIN_NAME, digest, validator, sources)


class _Source(Protocol):
    def __call__(self, address: str) -> bytes: ...


class _Read:
    """Reads schema files from disk and remembers them."""

    def __init__(self) -> None:
        self.sources: dict[str, bytes] = {}

    def __call__(self, address: str) -> bytes:
        if address not in self.sources:
            if "://" in address:
                raise _broken(f"{address} is on the network; put the file beside the schema")
            try:
                self.sources[address] = Path(address).read_bytes()
            except OSError as error:
                raise _broken(f"{address} cannot be read: {error.strerror}") from error
        return self.sources[address]


class _Recall:
    """Gives back schema files that were read before."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._sources = sources

    def __call__(self, address: str) -> bytes:
        return self._sources[address]


class _Includes(etree.Resolver):
    """Answers libxml2 when one schema file asks for another."""

    def __init__(self, source: _Source) -> None:
        super().__init__()
        self._source = source
        self.failed: ConfigError | None = None

    @override
    def resolve(  # type: ignore[override]  # the stubs leave out the context that lxml passes
        self, system_url: str, public_id: str, context: object
    ) -> object:
        # lxml drops what is raised in here, so the failure is kept for the caller.
        try:
            text = self._source(system_url)
        except ConfigError as error:
            self.failed = self.failed or error
            text = b""
        return self.resolve_string(text, context, base_url=system_url)


def _compile(main: str, source: _Source) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
    includes = _Includes(source)
    parser.resolvers.add(includes)
    try:
        return etree.XMLSchema(etree.fromstring(source(main), parser, base_url=main))
    except etree.XMLSyntaxError as error:
        raise _broken(f"{Path(main).name} line {error.lineno}: {error.msg}") from error
    except etree.XMLSchemaParseError as error:
        raise includes.failed or _broken(_place(error, main)) from error


def _entries(log: Any) -> Iterator[Any]:
    """The entries of an error log; the stubs do not know that it has any."""
    return iter(log)


def _place(error: etree.LxmlError, main: str) -> str:
    """The first complaint as `file line N: text`."""
    for entry in _entries(error.error_log):
        if entry.line:
            return f"{Path(entry.filename).name} line {entry.line}: {entry.message}"
    return f"{Path(main).name} line 1: {error}"


def _check_root(validator: etree.XMLSchema, main: str) -> None:
    validator.validate(etree.Element(ROOT))
    unknown = etree.ErrorTypes.SCHEMAV_CVC_ELT_1
    if any(entry.type == unknown for entry in _entries(validator.error_log)):
        raise _broken(
            f"{Path(main).name} line 1: no element `{ROOT}` is declared; of the vendor's files, "
            "name rest_users.xsd, which includes the others"
        )


def _broken(message: str) -> ConfigError:
    return ConfigError([Problem(KEY, message)])
