import re
import subprocess
import sys
from itertools import product

import pytest
from jinja2 import UndefinedError

from sisdrop import page
from support.reports import AT

INKS = ["ink", "quiet", "good", "warn", "bad"]
PAPERS = ["paper", "panel"]


def schemes() -> list[dict[str, str]]:
    """The colours of the light and of the dark scheme, by name."""
    source, _, _ = page.environment().loader.get_source(page.environment(), "base.html.j2")  # type: ignore[union-attr]  # the loader is always set
    found = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", root)) for root in source.split(":root")]
    return [scheme for scheme in found if set(INKS + PAPERS) <= set(scheme)]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("number", [0, 1])
def test_all_text_reaches_aa_contrast_in_light_and_dark(number: int) -> None:
    scheme = schemes()[number]
    for ink, paper in product(INKS, PAPERS):
        light, dark = sorted((luminance(scheme[ink]), luminance(scheme[paper])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def test_the_environment_is_made_once() -> None:
    assert page.environment() is page.environment()


def test_the_template_engine_is_not_loaded_before_the_first_page() -> None:
    code = "import sys, sisdrop.report, sisdrop.share_pages; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_value_that_was_not_given_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(UndefinedError):
        page.render("status.html.j2")


def test_values_are_escaped_and_made_visible() -> None:
    template = page.environment().from_string("{{ a }}")
    assert template.render(a="<b>'\"&\n\u202e") == "&lt;b&gt;&#39;&#34;&amp;\\n\\u202e"


def test_a_time_is_exact_for_programs_and_short_for_people() -> None:
    macros = page.environment().get_template("macros.html.j2").module
    shown = str(macros.moment(AT))  # type: ignore[attr-defined]  # macros are found at run time
    assert shown == '<time datetime="2026-11-23T19:03:01Z">2026-11-23 19:03 UTC</time>'
