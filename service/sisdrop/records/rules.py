"""The rules in force: which sets are loaded, how severe each rule is, which records break them.

A built-in set is a file in `rules/`; an operator's file has the same form (docs/rules.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from sisdrop.errors import ConfigError, Problem
from sisdrop.model import Severity
from sisdrop.records.rule import (
    CHECKS,
    FatalRule,
    Fault,
    Rule,
    RuleFile,
    parse_fatal,
    parse_rules,
)

__all__ = ["Rule", "RuleSet", "built_in_sets", "fatal_rules", "load_rules"]

KEY_RULES = "validation.rules"
KEY_SEVERITY = "validation.severity"
FOLDER = Path(__file__).with_name("rules")
# In force whatever sets are chosen: it is the schema's voice.
ALWAYS = "schema"
SETS = ("alma", "ishare-public")
NONE = "none"
USER_GROUP = "alma.unknown-user-group"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules with the severity that is in force here."""

    names: tuple[str, ...]
    rules: tuple[Rule, ...]
    user_groups: frozenset[str] = frozenset()

    @property
    def active(self) -> tuple[Rule, ...]:
        """The rules that can be broken."""
        return tuple(rule for rule in self.rules if self.find(rule.id) is rule)

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id, even when it is off.

        Raises:
            KeyError: if it is in none of the sets.
        """
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)

    def find(self, rule_id: str) -> Rule | None:
        """The rule of that id if it can be broken: loaded, not off, and with what it needs."""
        rule = next((rule for rule in self.rules if rule.id == rule_id), None)
        if rule is None or rule.severity is Severity.OFF:
            return None
        return None if rule_id == USER_GROUP and not self.user_groups else rule


def built_in_sets() -> dict[str, RuleFile]:
    """The rules that come with the program, by the name of their set."""
    return {
        name: parse_rules((FOLDER / f"{name}.toml").read_text("utf-8"), checks=CHECKS)
        for name in (ALWAYS, *SETS)
    }


def fatal_rules() -> tuple[FatalRule, ...]:
    """What condemns a whole file, with the words for it."""
    return parse_fatal((FOLDER / "fatal.toml").read_text("utf-8"))


def load_rules(
    names: Sequence[str], severity: Mapping[str, Severity], user_groups: Sequence[str]
) -> RuleSet:
    """Read the rule sets `names`: built-in ones, or paths of an operator's files.

    `none` stands for no rules beside `schema.invalid`. `severity` maps a rule id, or a glob over
    rule ids, to the severity in force: an id beats a glob, a later glob an earlier one.

    Raises:
        ConfigError: with every problem in the files and in `severity`.
    """
    sets = built_in_sets()
    fatal = {rule.id for rule in fatal_rules()}
    taken = {rule.id for file in sets.values() for rule in file.rules} | fatal
    problems = list(_name_problems(names))
    rules = list(sets[ALWAYS].rules)
    for name in names:
        if name in SETS:
            rules += sets[name].rules
        elif name != NONE:
            file, unread = _read_own(name, taken)
            rules += file.rules
            taken |= {rule.id for rule in file.rules}
            problems += unread
    problems += _severity_problems(severity, taken, fatal)
    if problems:
        raise ConfigError(problems)
    in_force = (_in_force(rule, severity, user_groups) for rule in rules)
    return RuleSet(tuple(names), tuple(in_force), frozenset(user_groups))


def _name_problems(names: Sequence[str]) -> Iterator[Problem]:
    if NONE in names and len(names) > 1:
        yield Problem(KEY_RULES, f"`{NONE}` stands alone")
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield Problem(KEY_RULES, f"{name} is listed twice")


def _read_own(name: str, taken: set[str]) -> tuple[RuleFile, list[Problem]]:
    """An operator's file, and what is wrong with it."""
    path = Path(name)
    nothing = RuleFile("", (), ())
    try:
        file = parse_rules(path.read_text("utf-8"), taken=taken)
    except FileNotFoundError:
        known = ", ".join((*SETS, NONE))
        return nothing, [Problem(KEY_RULES, f"{name} is neither one of {known} nor a file")]
    except OSError as error:
        return nothing, [Problem(KEY_RULES, f"{path.name}: cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return nothing, [Problem(KEY_RULES, f"{path.name}: is not in UTF-8")]
    return file, [_problem(path, fault) for fault in file.faults]


def _problem(path: Path, fault: Fault) -> Problem:
    line = f" line {fault.line}" if fault.line else ""
    rule = f" {fault.rule}:" if fault.rule else ""
    return Problem(KEY_RULES, f"{path.name}{line}:{rule} {fault.message}")


def _severity_problems(
    severity: Mapping[str, Severity], known: set[str], fatal: set[str]
) -> Iterator[Problem]:
    # Rules of built-in sets that are not loaded count as known: switching a set off for one run
    # must not turn a good setting into a bad one.
    for key in severity:
        matched = {rule_id for rule_id in known if fnmatchcase(rule_id, key)}
        if not matched:
            yield Problem(f"{KEY_SEVERITY}.{key}", "matches no rule")
        elif matched <= fatal:
            yield Problem(f"{KEY_SEVERITY}.{key}", "is fatal for the file; that cannot be changed")


def _in_force(rule: Rule, severity: Mapping[str, Severity], user_groups: Sequence[str]) -> Rule:
    chosen = rule.severity
    if rule.id == USER_GROUP and user_groups:
        chosen = Severity.ERROR
    for key, value in severity.items():
        if fnmatchcase(rule.id, key):
            chosen = value
    return replace(rule, severity=Severity(severity.get(rule.id, chosen)))
