"""The catalogue of rules as a page for people: docs/rules.md is what this writes.

`python -m sisdrop.records.catalogue > docs/rules.md` writes it anew.
"""

import sys
from collections.abc import Mapping, Sequence

from sisdrop.records.rule import FatalRule, Rule, RuleFile
from sisdrop.records.rules import built_in_sets, fatal_rules

OPENING = """\
<!-- Written by `python -m sisdrop.records.catalogue`; change the rule files, not this page. -->

# Rules

Every record is checked by rules. A record that breaks a rule of severity **error** is left out of
the delivery; one that breaks a **warning** is delivered and reported; a rule that is **off** is not
looked at. What condemns a whole file is listed at the end.

The setting `validation.rules` chooses the sets (`alma`, `ishare-public`, or paths of your own
files; `none` for the schema alone), and `validation.severity` changes single rules or groups of
them. An id beats a pattern, and a later pattern beats an earlier one:

```yaml
validation:
  rules: [alma, ishare-public, /etc/sisdrop/campus.toml]
  severity:
    "ishare.*": error            # no record without the complete contact data
    ishare.postal-code: warning  # but this one may pass
    alma.password-present: "off"
```

**Blank** means absent, empty, or nothing but whitespace and no-break spaces (U+00A0), which
databases use as padding. **Preferred** means that the attribute says `true` or `1`. Rules about the
preferred address say nothing where no address is preferred (`ishare.preferred-address` does), and
where several are, each must be complete.
"""

OWN_RULES = """\
## Rules of your own

Write a file like this one and name it in `validation.rules`:

```toml
about = "What our campus agreed upon."

[[rule]]
id = "campus.barcode"
severity = "warning"
message = "The record has no barcode."
hint = "Join the card system's table in the extract."
why = "The self-checkout machines know people by their barcode only."
xpath = "not(user_identifiers/user_identifier[id_type = 'BARCODE'][normalize-space(value)])"

[[rule]]
id = "campus.mailbox"
severity = "error"
message = "A campus address has no mailbox number."
hint = "Write the mailbox in line2."
within = "contact_info/addresses/address[address_types/address_type = 'school']"
xpath = "not(normalize-space(line2))"
```

- `id`: lower-case letters, a dot, then `a-z`, `0-9` and `-`. No id may be used twice.
- `severity`: `error`, `warning` or `off`.
- `message`: a sentence for people, about one record. `hint`: how to mend it in the extract. Both
  appear in reports, so they must not name anybody. `why` may be left out.
- `xpath`: an XPath 1.0 predicate that is **true for a record that breaks the rule**, evaluated on
  its `user` element. With `within`, it is evaluated on each element that `within` selects, and one
  of them is enough.
- A rule sees one record. Paths that leave it (`//email`, `/users/user`, `preceding::`), variables,
  namespace prefixes and functions that XPath 1.0 does not have are refused at the start, with the
  file, line and rule.
"""


def catalogue(sets: Mapping[str, RuleFile], fatal: Sequence[FatalRule]) -> str:
    """The page, in Markdown."""
    parts = [OPENING]
    for name, file in sets.items():
        parts.append(f"## {name}\n\n{file.about}\n")
        parts += [_section(rule) for rule in file.rules]
    parts.append(OWN_RULES)
    parts.append(
        "## Fatal\n\nWhat condemns a whole file: nothing of it is delivered, and no setting "
        "changes that. The report adds the line, the byte offset and the bytes.\n"
    )
    parts += [_fatal_section(rule) for rule in fatal]
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    lines = [f"### {rule.id}", "", f"**{rule.severity}**: {rule.message}", ""]
    lines += [f"- What to do: {rule.hint}", f"- Why: {rule.why}"]
    if rule.within:
        lines.append(f"- Looks within: `{_visible(rule.within)}`")
    if rule.xpath:
        lines.append(f"- Broken when: `{_visible(rule.xpath)}`")
    else:
        lines.append("- Found by the program itself.")
    return "\n".join([*lines, ""])


def _fatal_section(rule: FatalRule) -> str:
    return f"### {rule.id}\n\n{rule.message}\n\n- What to do: {rule.hint}\n- Why: {rule.why}\n"


def _visible(xpath: str) -> str:
    """The no-break space as the rule files write it, since nobody can see it otherwise."""
    return xpath.replace("\u00a0", r"\u00A0")


if __name__ == "__main__":
    sys.stdout.write(catalogue(built_in_sets(), fatal_rules()))
