"""Fills the HTML templates.

Everything that goes into a page is hostile: a file name, a user group and an identifier come from
outside. They are escaped as HTML, and characters that nobody can see (line ends, control and
direction marks, broken bytes) are spelled out.
"""

from functools import cache
from typing import TYPE_CHECKING

from sisdrop import plain

if TYPE_CHECKING:
    from jinja2 import Environment


def _finalize(value: object) -> object:
    """What a template prints for a value; markup made by the template engine stays as it is."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return plain.visible(value)
    return value


@cache
def environment() -> "Environment":
    """The one template environment of the process, made when the first page is."""
    # Imported here because most commands never make a page and the import costs time and memory.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    env = Environment(
        loader=PackageLoader("sisdrop", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        number=plain.number,
        quantity=plain.quantity,
        rfc3339=plain.rfc3339,
        clock_time=plain.clock_time,
        label=plain.label,
        sentence=plain.sentence,
        hex_pairs=plain.hex_pairs,
    )
    env.globals["percent"] = plain.percent
    env.globals["field_words"] = plain.field_words
    return env


def markup(html: str) -> object:
    """HTML of our own making, which a template takes over as it stands."""
    from markupsafe import Markup  # noqa: PLC0415 - as above

    return Markup(html)  # noqa: S704 - never a text from outside


def render(template: str, /, **values: object) -> str:
    """The page that a template of `templates/` makes of the values.

    Raises:
        jinja2.UndefinedError: if the template uses a value that was not given.
    """
    return environment().get_template(template).render(**values)
