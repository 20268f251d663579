"""The catalogue of rules as a page for people: docs/rules.md is what this writes.

`python -m sisdrop.records.catalogue > docs/rules.md` writes it anew.
"""

import sys
from collections.abc import Mapping, Sequence

from sisdrop.records import fields
from sisdrop.records.rule import FORMS, FatalRule, Rule, RuleFile
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

**Broken when** says what the program looks for, as a rule file writes it; [rules of your
own](#rules-of-your-own) explains the forms and the names of the fields.
"""

FIELD_WORDS = {
    "primary_id": "`primary_id`, not blank",
    "last_name": "`last_name`, not blank",
    "first_name": "`first_name`, not blank",
    "user_group": "`user_group`, not blank",
    "expiry_date": "`expiry_date`, not blank",
    "purge_date": "`purge_date`, not blank",
    "password": "`password`, not blank",
    "phone": "a phone whose `phone_number` is not blank",
    "note": "a `user_note`",
    "block": "a `user_block`",
    "preferred_email": "`email_address`, not blank",
    "preferred_address": "the address itself",
    "address_type": "an `address_type` that is home, work, alternative or school, in upper or lower"
    " case",
    "address_line1": "`line1`, not blank",
    "city": "`city`, not blank",
    "state_province": "`state_province`, not blank",
    "postal_code": "`postal_code`, not blank",
    "statistic": "`statistic_category`, not blank",
    "identifier": "`value`, not blank",
}
# What each walk of `fields.WALKS` goes to.
EACH_WORDS = (
    "the record",
    "each preferred email",
    "each preferred address",
    "each `user_statistic`",
    "each `user_identifier`",
)
CHECK_WORDS = {
    "schema": "the schema refuses the record",
    "duplicate-primary-id": "an earlier record of the file has the same `primary_id`, in upper or"
    " lower case",
    "duplicate-identifier": "a record that is delivered before it has one of its identifiers, in"
    " upper or lower case and of whatever type",
    "identifier-repeated-in-record": "two of the record's own identifiers are the same, in upper or"
    " lower case and of whatever type",
    "purge-before-expiry": "`purge_date` is an earlier day than `expiry_date`; what follows the day"
    " (`Z`, `-05:00`) does not count",
    "unknown-user-group": "`user_group` is not blank, and none of `validation.user_groups`",
    "would-erase": "another rule finds a field `missing` or `blank`, and the person's record in the"
    " file that was sent last had it",
}

OWN_RULES = """\
## Rules of your own

Write a file like this one and name it in `validation.rules`:

```toml
about = "What our campus agreed upon."

[[rule]]
id = "campus.first-name"
severity = "warning"
message = "The record has no first name."
hint = "Fill first_name; people with a single name may go without."
missing = "first_name"

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
- What breaks the rule is said in one of these forms; the first four name a field of the table
  below.
  - `missing = "city"`: the record has no such field, nowhere.
  - `blank = "city"`: **one** of the elements in which the field is looked for lacks it. Where there
    is no such element (no preferred address), nothing is blank.
  - `several = "city"`: there is more than one of these elements, filled or not.
  - `present = "city"`: the record has the field.
  - `xpath`: an XPath 1.0 predicate that is **true for a record that breaks the rule**, evaluated on
    its `user` element. With `within`, it is evaluated on each element that `within` selects, and
    one of them is enough.
- An XPath sees one record. Paths that leave it (`//email`, `/users/user`, `preceding::`),
  variables, namespace prefixes and functions that XPath 1.0 does not have are refused at the
  start, with the file, line and rule. Prefer the other forms where they can say it: they know what
  blank and preferred mean, and cost nothing more.

"""


def catalogue(sets: Mapping[str, RuleFile], fatal: Sequence[FatalRule]) -> str:
    """The page, in Markdown."""
    parts = [OPENING]
    for name, file in sets.items():
        parts.append(f"## {name}\n\n{file.about}\n")
        parts += [_section(rule) for rule in file.rules]
    parts.append(OWN_RULES + _field_table())
    parts.append(
        "## Fatal\n\nWhat condemns a whole file: nothing of it is delivered, and no setting "
        "changes that. The report adds the line, the byte offset and the bytes.\n"
    )
    parts += [_fatal_section(rule) for rule in fatal]
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    lines = [f"### {rule.id}", "", f"**{rule.severity}**: {rule.message}", ""]
    lines += [f"- What to do: {rule.hint}", f"- Why: {rule.why}"]
    lines += [f"- Broken when: {_form(rule)}"]
    return "\n".join([*lines, ""])


def _form(rule: Rule) -> str:
    """What breaks a rule, as its file says it."""
    if rule.check:
        return CHECK_WORDS[rule.check]
    forms = (*FORMS, "within", "xpath")
    said = (f"`{key} = {_quoted(text)}`" for key in forms if (text := getattr(rule, key)))
    return ", ".join(said)


def _field_table() -> str:
    """The fields that a rule may name."""
    rows = [
        f"| `{field.name}` | {FIELD_WORDS[field.name]} | {each} |"
        for walk, each in zip(fields.WALKS, EACH_WORDS, strict=True)
        for field in walk.fields
    ]
    return "\n".join(["| field | what it is | looked for in |", "|---|---|---|", *rows, ""])


def _fatal_section(rule: FatalRule) -> str:
    return f"### {rule.id}\n\n{rule.message}\n\n- What to do: {rule.hint}\n- Why: {rule.why}\n"


def _quoted(text: str) -> str:
    """A text as rule files write it; nobody could see a no-break space otherwise."""
    return '"' + text.replace("\u00a0", r"\u00A0") + '"'


if __name__ == "__main__":
    sys.stdout.write(catalogue(built_in_sets(), fatal_rules()))
