"""Read the settings from a YAML file and the environment; the one place that touches the disk."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from sisdrop.errors import ConfigError, Problem
from sisdrop.settings.environment import merge, read_environment
from sisdrop.settings.model import Settings
from sisdrop.settings.problems import problems_of
from sisdrop.settings.tree import with_defaults
from sisdrop.settings.yaml_file import read_yaml


def load_settings(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings; what the environment says wins. Without a file it says everything.

    Raises:
        ConfigError: with every problem that was found, in all sources.
    """
    found = read_environment(environ, Settings)
    text, unread = _read_file(config) if config is not None else ("", [])
    tree, problems = read_yaml(text, str(config)) if not unread else ({}, unread)
    if problems and not tree:
        # Every required key would be missing from a file that could not be read.
        raise ConfigError(problems + found.problems)
    problems = problems + found.problems
    merged = with_defaults(Settings, merge(Settings, tree, found.tree))
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(problems + problems_of(error, Settings, found.variables)) from None
    if problems:
        raise ConfigError(problems)
    return settings


def _read_file(config: Path) -> tuple[str, list[Problem]]:
    try:
        return config.read_text(encoding="utf-8-sig"), []
    except FileNotFoundError:
        message = "is not there; give the path of the settings file with --config"
    except UnicodeDecodeError:
        message = "is not UTF-8 text; save it as UTF-8"
    except OSError as error:
        message = f"cannot be read ({error.strerror}); give the service the right to read it"
    return "", [Problem(str(config), message)]
