from pathlib import Path

import yaml

from sisdrop.settings import Settings
from sisdrop.settings.environment import variable_for, variables_of
from sisdrop.settings.tree import is_list, is_plain_section, section_of
from sisdrop.settings_page import configuration_page

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_in_docs_is_fresh() -> None:
    remedy = "run: .venv/bin/python -m sisdrop.settings_page > docs/configuration.md"
    assert PAGE.read_text(encoding="utf-8") == configuration_page(), remedy


def test_each_key_stands_on_the_page_with_its_variable() -> None:
    page = configuration_page()
    for path, field in variables_of(Settings):
        if section_of(field) is None:
            assert f"| `{'.'.join(path)}` |" in page
            assert f"`{variable_for(path)}`" in page
        elif is_plain_section(field) or is_list(field):
            assert path[-1] in page


def test_each_key_is_explained_in_one_sentence() -> None:
    for path, field in variables_of(Settings):
        assert field.description, path
        assert field.description.endswith("."), path
        assert ". " not in field.description, path


def test_the_example_on_the_page_is_a_file_that_works() -> None:
    example = configuration_page().split("```yaml\n")[1].split("```")[0]
    settings = Settings.model_validate(yaml.safe_load(example))
    assert settings.sftp.host == "files.carli.illinois.edu"
    assert settings.guard == Settings.model_fields["guard"].get_default(call_default_factory=True)


def test_a_bar_in_a_text_does_not_break_its_table() -> None:
    rows = [row for row in configuration_page().splitlines() if row.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {5}
