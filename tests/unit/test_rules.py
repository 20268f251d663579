import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sisdrop.errors import REJECTED_REASONS, ConfigError, Problem, Reason
from sisdrop.model import Fatal, Severity
from sisdrop.records import fields
from sisdrop.records.catalogue import OWN_RULES, catalogue
from sisdrop.records.check import Checker
from sisdrop.records.chunk import Root
from sisdrop.records.rule import CHECKS, FORMS, parse_rules
from sisdrop.records.rules import Rule, RuleSet, built_in_sets, fatal_rules, load_rules
from sisdrop.records.schema import load_schema
from support.refining import broken, traits

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
NBSP = "\u00a0"
SEVERITIES = {
    "schema.invalid": "error",
    "alma.would-erase": "error",
    "alma.duplicate-primary-id": "error",
    "alma.duplicate-identifier": "error",
    "alma.blank-identifier": "error",
    "alma.blank-statistic": "error",
    "alma.password-present": "error",
    "alma.missing-primary-id": "error",
    "alma.identifier-repeated-in-record": "warning",
    "alma.purge-before-expiry": "warning",
    "alma.unknown-user-group": "warning",
    "ishare.primary-id": "error",
    "ishare.last-name": "error",
    "ishare.user-group": "error",
    "ishare.expiry-date": "error",
    "ishare.purge-date": "warning",
    "ishare.preferred-email": "warning",
    "ishare.several-preferred-emails": "warning",
    "ishare.preferred-address": "warning",
    "ishare.several-preferred-addresses": "warning",
    "ishare.address-type": "warning",
    "ishare.address-line1": "warning",
    "ishare.city": "warning",
    "ishare.state-province": "warning",
    "ishare.postal-code": "warning",
}
GOOD = """
<user>
  <primary_id>tmouse</primary_id><last_name>Mouse</last_name><user_group>TESTERS</user_group>
  <expiry_date>2026-05-31</expiry_date><purge_date>2028-05-31</purge_date>
  <contact_info>
    <addresses>
      <address preferred="true"><line1>1 Nowhere Lane</line1><city>Testville</city>
        <state_province>IL</state_province><postal_code>00000</postal_code>
        <address_types><address_type>home</address_type></address_types></address>
      <address><address_types/></address>
    </addresses>
    <emails>
      <email preferred="true"><email_address>mouse@example.org</email_address><email_types/></email>
      <email><email_address/><email_types/></email>
    </emails>
  </contact_info>
  <user_identifiers>
    <user_identifier><id_type>BARCODE</id_type><value>0001</value></user_identifier>
  </user_identifiers>
  <user_statistics>
    <user_statistic><statistic_category>INVENTED</statistic_category></user_statistic>
  </user_statistics>
</user>"""
YES = 'preferred="true"'


def good(*changes: tuple[str, str]) -> str:
    """The good record with texts replaced, each at its first place."""
    text = GOOD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def blanks(old: str, element: str) -> list[str]:
    """The element gone, empty, and filled with each kind of nothing."""
    nothing = [
        "",
        f"<{element}/>",
        f"<{element}> \t\n</{element}>",
        f"<{element}>{NBSP}</{element}>",
    ]
    return [good((old, new)) for new in nothing]


def dates(expiry: str, purge: str) -> str:
    return good(("2026-05-31", expiry), ("2028-05-31", purge))


def typed(*types: str) -> str:
    listed = "".join(f"<address_type>{one}</address_type>" for one in types)
    return good(("<address_type>home</address_type>", listed))


LINE1 = "<line1>1 Nowhere Lane</line1>"
CITY = "<city>Testville</city>"
STATE = "<state_province>IL</state_province>"
POSTAL = "<postal_code>00000</postal_code>"
MAIL = "<email_address>mouse@example.org</email_address>"
NO_ADDRESS = good((YES, 'preferred="false"'))
SECOND = ("<address><address_types/></address>", f"<address {YES}>{{}}</address>")
WHOLE = LINE1 + CITY + STATE + POSTAL
HOME = "<address_types><address_type>work</address_type></address_types>"


def two_addresses(inside: str) -> str:
    return good((SECOND[0], SECOND[1].format(inside)))


# Records that break the rule and no other of its set.
BREAKING = {
    "alma.missing-primary-id": blanks("<primary_id>tmouse</primary_id>", "primary_id"),
    "alma.blank-identifier": [
        *blanks("<value>0001</value>", "value"),
        good(
            ("<user_identifiers>", "<user_identifiers><user_identifier><value/></user_identifier>")
        ),
    ],
    "alma.blank-statistic": blanks(
        "<statistic_category>INVENTED</statistic_category>", "statistic_category"
    ),
    "alma.password-present": [good(("<last_name>", "<password>secret</password><last_name>"))],
    "alma.purge-before-expiry": [
        dates("2026-05-31", "2026-05-30"),
        dates("2026-05-31Z", "2026-05-30-05:00"),
        dates("12026-01-01", "2026-01-01"),
        dates("2026-05-31T00:00:00", "2026-04-30T23:59:59"),
        dates("\n2026-10-01", "2026-09-30 "),
        dates("2026-02-30", "2026-02-29"),
        dates("2026-13-01", "2026-12-31"),
    ],
    "ishare.primary-id": blanks("<primary_id>tmouse</primary_id>", "primary_id"),
    "ishare.last-name": blanks("<last_name>Mouse</last_name>", "last_name"),
    "ishare.user-group": [
        *blanks("<user_group>TESTERS</user_group>", "user_group"),
        good(("TESTERS", f" {NBSP} &#160;\n{NBSP}")),
    ],
    "ishare.expiry-date": blanks("<expiry_date>2026-05-31</expiry_date>", "expiry_date"),
    "ishare.purge-date": blanks("<purge_date>2028-05-31</purge_date>", "purge_date"),
    "ishare.preferred-email": [
        *blanks(MAIL, "email_address"),
        good((f"<email {YES}>", "<email>")),
        good((f"<email {YES}>", '<email preferred="false">')),
        good((f"<email {YES}>", '<email preferred="TRUE">')),
        good(("<emails>", "<!--"), ("</emails>", "-->")),
    ],
    "ishare.several-preferred-emails": [
        good(
            (
                "<email><email_address/>",
                f"<email {YES}><email_address>x@example.org</email_address>",
            )
        ),
        good(("<email><email_address/>", '<email preferred="1"><email_address/>')),
    ],
    "ishare.preferred-address": [
        NO_ADDRESS,
        good((f"<address {YES}>", "<address>")),
        good(("<addresses>", "<!--"), ("</addresses>", "-->")),
    ],
    "ishare.several-preferred-addresses": [two_addresses(WHOLE + HOME)],
    "ishare.address-type": [
        typed(),
        typed("castle"),
        typed(""),
        typed("home|work"),
        typed("home work"),
        typed("alternative  school"),
        typed("|"),
        typed("H\u00f4me"),
        typed(f"home{NBSP}"),
        typed("homes"),
    ],
    "ishare.address-line1": blanks(LINE1, "line1"),
    "ishare.city": blanks(CITY, "city"),
    "ishare.state-province": blanks(STATE, "state_province"),
    "ishare.postal-code": blanks(POSTAL, "postal_code"),
}
# Records that look like it and break no rule of its set.
PASSING = {
    "alma.missing-primary-id": [good(("tmouse", "0"))],
    "alma.blank-identifier": [
        good(("<value>0001</value>", "<value>0</value><note/>")),
        good(("<id_type>BARCODE</id_type>", "<id_type/>")),
        good(("<user_identifiers>", "<user_identifiers/><!--"), ("</user_identifiers>", "-->")),
    ],
    "alma.blank-statistic": [
        good(("</statistic_category>", "</statistic_category><statistic_note/>")),
        good(("INVENTED", "0")),
    ],
    "alma.password-present": [
        good(("<last_name>", "<password/><last_name>")),
        good(("<last_name>", f"<password> {NBSP}</password><last_name>")),
        good(("<last_name>", "<force_password_change>true</force_password_change><last_name>")),
    ],
    "alma.purge-before-expiry": [
        dates("2026-05-31", "2026-05-31"),
        dates("2026-05-31-05:00", "2026-05-31Z"),
        dates("2026-12-31", "2027-01-01"),
        dates("9999-12-31", "12026-01-01"),
        dates("2026-05-31", ""),
        dates("", "2026-05-31"),
        dates("tomorrow", "--Z"),
        dates("20260531", "20250531"),
        dates("2026-5-31", "2026-5-30"),
        dates("\u0662\u0660\u0662\u0666-05-31", "\u0662\u0660\u0662\u0665-05-31"),
        dates("2026\u201105\u201131", "2025\u201105\u201131"),
    ],
    "ishare.primary-id": [good(("tmouse", "0"))],
    "ishare.last-name": [good(("<last_name>", "<first_name/><last_name>"))],
    "ishare.user-group": [
        good(("TESTERS", "no such group")),
        good(("TESTERS", "\u2003")),
        good(("TESTERS", "0")),
    ],
    "ishare.expiry-date": [good(("2026-05-31", "1999-01-01"))],
    "ishare.purge-date": [good(("2028-05-31", "1999-01-01"))],
    "ishare.preferred-email": [
        good((f"<email {YES}>", '<email preferred="1">')),
        good((f"<email {YES}>", '<email preferred=" true ">')),
        good(("<email><email_address/>", '<email preferred="0"><email_address/>')),
    ],
    "ishare.several-preferred-emails": [
        good(("<email><email_address/>", '<email preferred="false"><email_address/>'))
    ],
    "ishare.preferred-address": [good((f"<address {YES}>", '<address preferred="1">'))],
    "ishare.several-preferred-addresses": [good(("<address>", '<address preferred="false">'))],
    "ishare.address-type": [
        *(typed(one) for one in ("work", "alternative", "school", "HOME", "School", "\n home ")),
        typed("castle", "Work"),
        typed("ALTERNATIVE"),
        typed(" \tAlternative\n"),
    ],
    "ishare.address-line1": [good(("1 Nowhere Lane", "0"))],
    "ishare.city": [good((CITY, CITY + "<country/>"))],
    "ishare.state-province": [good((STATE, "<state_province>Somewhere abroad</state_province>"))],
    "ishare.postal-code": [good((POSTAL, "<postal_code>EX4 MPL</postal_code>"))],
}
SETS = {name: load_rules([name], {}, []) for name in ("alma", "ishare-public")}
ALL = load_rules(["alma", "ishare-public"], {}, [])
EVERY_RECORD = [text for table in (BREAKING, PASSING) for texts in table.values() for text in texts]


def parsed(*texts: str) -> etree._Element:
    parser = etree.XMLParser(remove_comments=True)
    return etree.fromstring("<users>" + "".join(texts) + "</users>", parser)


def broken_by(rules: RuleSet, text: str) -> list[str]:
    return [rule.id for _, rule in broken(parsed(text), rules)]


def set_of(rule_id: str) -> RuleSet:
    return SETS["alma" if rule_id.startswith("alma.") else "ishare-public"]


def test_every_rule_is_there_with_its_severity() -> None:
    assert {rule.id: str(rule.severity) for rule in ALL.rules} == SEVERITIES


def test_every_rule_about_one_record_has_records_for_and_against_it() -> None:
    judged_elsewhere = {
        "schema.invalid",
        "alma.would-erase",
        "alma.duplicate-primary-id",
        "alma.duplicate-identifier",
        "alma.identifier-repeated-in-record",
        "alma.unknown-user-group",
    }
    assert set(SEVERITIES) - judged_elsewhere == set(BREAKING) == set(PASSING)


def test_a_good_record_breaks_nothing_and_is_valid() -> None:
    assert broken_by(ALL, GOOD) == []
    assert load_schema(None).validator.validate(parsed(GOOD))


CASES = [(rule, n, text) for rule, texts in BREAKING.items() for n, text in enumerate(texts)]


@pytest.mark.parametrize(("rule", "number", "text"), CASES, ids=[f"{r}-{n}" for r, n, _ in CASES])
def test_a_record_that_breaks_one_rule_breaks_that_one(rule: str, number: int, text: str) -> None:
    assert broken_by(set_of(rule), text) == [rule]


ALIKE = [(rule, n, text) for rule, texts in PASSING.items() for n, text in enumerate(texts)]


@pytest.mark.parametrize(("rule", "number", "text"), ALIKE, ids=[f"{r}-{n}" for r, n, _ in ALIKE])
def test_a_record_that_only_looks_like_it_passes(rule: str, number: int, text: str) -> None:
    assert rule not in broken_by(set_of(rule), text)


def test_rules_about_the_preferred_address_are_silent_where_there_is_none() -> None:
    bare = good((WHOLE_OF_FIRST, f'<address preferred="false">{HOME}</address>'))
    assert broken_by(ALL, bare) == ["ishare.preferred-address"]


WHOLE_OF_FIRST = GOOD[GOOD.index("<address ") : GOOD.index("</address>") + len("</address>")]


def test_each_of_several_preferred_addresses_must_be_complete() -> None:
    assert broken_by(ALL, two_addresses(HOME)) == [
        "ishare.several-preferred-addresses",
        "ishare.address-line1",
        "ishare.city",
        "ishare.state-province",
        "ishare.postal-code",
    ]


def test_an_empty_record_breaks_what_asks_for_presence() -> None:
    assert broken_by(ALL, "<user/>") == [
        "alma.missing-primary-id",
        "ishare.primary-id",
        "ishare.last-name",
        "ishare.user-group",
        "ishare.expiry-date",
        "ishare.purge-date",
        "ishare.preferred-email",
        "ishare.preferred-address",
    ]


def by_predicate(root: etree._Element, rules: Iterable[Rule]) -> list[tuple[str, int]]:
    """What plain XPath finds, rule by rule: the id of the rule, the place of the record."""
    return [
        (rule.id, place)
        for rule in rules
        if rule.predicate
        for place, record in enumerate(root)
        if etree.XPath(f"boolean({rule.predicate})")(record)
    ]


def by_facts(root: etree._Element, rules: RuleSet, *, padded: bool = True) -> list[tuple[str, int]]:
    """The same from the facts of the records, for the rules that have a predicate."""
    found = traits(root, rules, padded=padded)
    return [
        (rule.id, place)
        for rule in rules.active
        if rule.predicate
        for place, one in enumerate(found)
        if rule in one.broken
    ]


def test_one_pass_over_all_records_finds_what_plain_xpath_finds_rule_by_rule() -> None:
    root = parsed(*EVERY_RECORD)
    assert by_facts(root, ALL) == by_predicate(root, ALL.active)
    assert len({rule for rule, _ in by_facts(root, ALL)}) == 18


@pytest.mark.parametrize("rule", SEVERITIES)
def test_a_single_rule_finds_alone_what_it_finds_among_others(rule: str) -> None:
    alone = load_rules(["alma", "ishare-public"], {"*": Severity.OFF, rule: Severity.WARNING}, [])
    root = parsed(*EVERY_RECORD)
    among_others = [record for record, other in broken(root, ALL) if other.id == rule]
    assert [record for record, _ in broken(root, alone)] == among_others


def test_threads_find_the_same() -> None:
    texts = EVERY_RECORD * 5

    def found(_: int) -> list[str]:
        return [rule.id for _, rule in broken(parsed(*texts), ALL)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(found, range(8))) == [found(0)] * 8


ALWAYS = ["schema.invalid", "alma.would-erase"]


def test_no_rules_leaves_what_belongs_to_every_set() -> None:
    for names in (["none"], []):
        rules = load_rules(names, {}, [])
        assert [rule.id for rule in rules.rules] == ALWAYS
        assert [rule.id for rule in rules.active] == ALWAYS
        assert broken(parsed("<user/>"), rules) == []


def test_the_names_of_the_sets_are_kept_for_the_report() -> None:
    assert ALL.names == ("alma", "ishare-public")


def severities(severity: Mapping[str, str], groups: Sequence[str] = ()) -> RuleSet:
    chosen = {key: Severity(value) for key, value in severity.items()}
    return load_rules(["alma", "ishare-public"], chosen, groups)


def test_an_id_beats_a_pattern_and_a_later_pattern_an_earlier_one() -> None:
    rules = severities({"ishare.city": "off", "ishare.*": "error", "*.p*": "warning"})
    assert rules.rule("ishare.city").severity is Severity.OFF
    assert rules.rule("ishare.address-type").severity is Severity.ERROR
    assert rules.rule("ishare.postal-code").severity is Severity.WARNING
    assert rules.rule("alma.password-present").severity is Severity.WARNING
    assert rules.rule("alma.blank-identifier").severity is Severity.ERROR


def test_a_rule_that_is_off_is_not_looked_at() -> None:
    rules = severities({"ishare.*": "off", "alma.missing-primary-id": "off"})
    assert broken_by(rules, "<user/>") == []
    assert rules.find("ishare.city") is None
    assert rules.rule("ishare.city").severity is Severity.OFF


def test_what_is_found_carries_the_severity_in_force() -> None:
    rules = severities({"ishare.purge-date": "error"})
    ((_, rule),) = broken(parsed(BREAKING["ishare.purge-date"][0]), rules)
    assert rule.severity is Severity.ERROR


def test_a_rule_that_is_not_loaded_is_off() -> None:
    rules = load_rules(["alma"], {}, [])
    assert rules.find("ishare.city") is None
    with pytest.raises(KeyError):
        rules.rule("ishare.city")


def test_unknown_user_groups_matter_once_the_known_ones_are_named() -> None:
    silent, strict = severities({}), severities({}, ["STAFF"])
    assert silent.rule("alma.unknown-user-group").severity is Severity.WARNING
    assert silent.find("alma.unknown-user-group") is None
    rule = strict.find("alma.unknown-user-group")
    assert rule is not None
    assert rule.severity is Severity.ERROR
    assert strict.user_groups == {"STAFF"}
    lax = severities({"alma.unknown-user-group": "warning"}, ["STAFF"])
    assert lax.rule("alma.unknown-user-group").severity is Severity.WARNING


def problems_of(names: Sequence[str], severity: Mapping[str, Severity]) -> list[Problem]:
    with pytest.raises(ConfigError) as raised:
        load_rules(names, severity, [])
    return raised.value.problems


@pytest.mark.parametrize("key", ["ishare.zip", "ishre.*", "*.nothing", "xml.nothing"])
def test_a_severity_for_no_rule_is_a_problem(key: str) -> None:
    assert problems_of(["alma"], {key: Severity.OFF}) == [
        Problem(f"validation.severity.{key}", "matches no rule")
    ]


def test_a_severity_for_a_set_that_is_not_loaded_is_none() -> None:
    assert load_rules(["alma"], {"ishare.*": Severity.ERROR}, []).names == ("alma",)


@pytest.mark.parametrize("key", ["xml.encoding", "xml.*"])
def test_what_is_fatal_stays_fatal(key: str) -> None:
    (problem,) = problems_of(["alma"], {key: Severity.WARNING})
    assert "fatal" in problem.message


def test_names_must_be_sets_or_files_and_stand_once() -> None:
    problems = problems_of(["alma", "alma", "none", "ishare-pubic"], {})
    assert [problem.key for problem in problems] == ["validation.rules"] * 3
    assert [problem.message for problem in problems] == [
        "`none` stands alone",
        "alma is listed twice",
        "ishare-pubic is neither one of alma, ishare-public, none nor a file",
    ]


RULE = """\
[[rule]]
id = "campus.words"
severity = "warning"
message = "A sentence."
hint = "What to do."
xpath = "not(first_name)"
"""


def own(tmp_path: Path, text: str) -> str:
    path = tmp_path / "campus.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_of_the_operator_adds_rules(tmp_path: Path) -> None:
    path = own(tmp_path, RULE)
    rules = load_rules(["alma", path], {"campus.*": Severity.ERROR}, [])
    assert rules.names == ("alma", path)
    assert broken_by(rules, GOOD) == ["campus.words"]
    assert rules.rule("campus.words").severity is Severity.ERROR


TWO = RULE + "\n" + RULE.replace("campus.words", "campus.other")
FAULTS = {
    "not TOML": ("[[rule]\n", "campus.toml: is not TOML", "line 1"),
    "not tables": ("rule = 3", "campus.toml: each rule begins with [[rule]]", ""),
    "unknown top key": ("title = 'x'\n" + RULE, "unknown key `title`", ""),
    "unknown key": (RULE + "sverity = 'off'\n", "line 1: campus.words: unknown key `sverity`", ""),
    "bad id": (RULE.replace("campus.words", "Campus words"), "`id` must look like", "line 1"),
    "no id": (RULE.replace("id =", "why ="), "campus.toml line 1: `id` is missing", ""),
    "bad severity": (RULE.replace('"warning"', '"fatal"'), "error, warning, off", "line 1"),
    "no message": (RULE.replace("message", "why"), "`message` is missing", "campus.words"),
    "blank hint": (RULE.replace("What to do.", " "), "`hint` must be a text", "campus.words"),
    "number": (RULE.replace('"A sentence."', "7"), "`message` must be a text", "campus.words"),
    "no kind": (
        RULE.replace("xpath", "why"),
        "needs one of missing, blank, several, present, xpath",
        "line 1",
    ),
    "both": (RULE + 'check = "schema"\n', "needs one of missing", "line 1"),
    "two forms": (RULE + 'missing = "city"\n', "needs one of missing, blank, several", "line 1"),
    "two forms of a field": (
        RULE.replace('xpath = "not(first_name)"', 'missing = "city"\nblank = "city"'),
        "needs one of missing, blank, several, present, xpath",
        "line 1",
    ),
    "unknown field": (
        RULE.replace('xpath = "not(first_name)"', 'missing = "town"'),
        "`missing` must be one of primary_id, last_name, ",
        "postal_code",
    ),
    "path for a field": (
        RULE.replace('xpath = "not(first_name)"', 'present = "contact_info/emails"'),
        "`present` must be one of primary_id",
        "line 1",
    ),
    "several of one": (
        RULE.replace('xpath = "not(first_name)"', 'several = "last_name"'),
        "`several` must be one of preferred_email, preferred_address, ",
        "identifier",
    ),
    "several phones": (
        RULE.replace('xpath = "not(first_name)"', 'several = "phone"'),
        "`several` must be one of preferred_email",
        "line 1",
    ),
    "within a field": (
        RULE.replace('xpath = "not(first_name)"', 'missing = "city"\nwithin = "contact_info"'),
        "`within` goes with `xpath` only",
        "line 1",
    ),
    "blank field": (
        RULE.replace('xpath = "not(first_name)"', 'missing = " "'),
        "`missing` must be a text that is not empty",
        "line 1",
    ),
    "field in a list": (
        RULE.replace('xpath = "not(first_name)"', 'missing = ["city"]'),
        "`missing` must be a text",
        "line 1",
    ),
    "control character": (
        RULE.replace("not(first_name)", "first_name = '\\u0001'"),
        "`xpath` holds a control character",
        "line 1",
    ),
    "check": (
        RULE.replace("xpath", "check").replace("not(first_name)", "schema"),
        "`check` is for rules that are built in",
        "line 1",
    ),
    "second rule": (TWO.replace("campus.other", "other"), "line 8: other: `id` must look", ""),
    "same id twice": (RULE + "\n" + RULE, "line 8: campus.words: there is a rule of that id", ""),
    "id of ours": (RULE.replace("campus.words", "ishare.city"), "there is a rule of that id", ""),
    "id of a fatal rule": (RULE.replace("campus.words", "xml.empty"), "a rule of that id", ""),
    "xpath twice": (RULE + 'within = "//email"\n', "`within` looks outside the record", ""),
}
XPATHS = {
    "not(": "cannot be evaluated",
    "not(first_name": "is no XPath 1.0",
    "a) or (b": "is no XPath 1.0",
    "matches(first_name, 'x')": "calls matches(), which XPath 1.0 does not have",
    "first_name[ends-with(., 'x')]": "calls ends-with()",
    "first_name = $name": "a variable or a namespace prefix",
    "not(re:test(first_name, 'x'))": "calls",
    "not(x:first_name)": "a variable or a namespace prefix",
    "not(//email)": "looks outside the record",
    "/users/user[2]": "looks outside the record",
    "first_name and /users": "looks outside the record",
    "ancestor::users": "looks outside the record",
    "preceding::user": "looks outside the record",
    "preceding-sibling::user": "looks outside the record",
    "following-sibling::*[1]": "looks outside the record",
    "count(../user) > 1": "looks outside the record",
    "../user[2]": "looks outside the record",
    "parent::users": "looks outside the record",
    "position() > 1": "asks for the place of the record",
    "count('x') > 1": "cannot be evaluated",
    "contact_info/emails/email[count(string(.)) > 1]": "cannot be evaluated",
    "first_name and count(last_name[count('x')])": "cannot be evaluated",
}
FINE = [
    "not(.//email)",
    "contact_info/*/email[@preferred][last()]",
    "first_name = '/etc' or first_name = \"$x:y(\"",
    "contact_info/emails/email/attribute::preferred",
    "contact_info/emails/email[2]/preceding-sibling::email",
    "contact_info/emails/email/../../phones",
    "count(contact_info/emails/email)",
    "starts-with( first_name, 'x' ) and (last_name)",
]


@pytest.mark.parametrize(("text", "says", "too"), FAULTS.values(), ids=FAULTS)
def test_a_fault_in_a_rule_file_names_file_line_and_rule(
    tmp_path: Path, text: str, says: str, too: str
) -> None:
    problems = problems_of([own(tmp_path, text)], {})
    assert all(problem.key == "validation.rules" for problem in problems)
    messages = "\n".join(problem.message for problem in problems)
    assert messages.startswith("campus.toml")
    assert says in messages
    assert too in messages


@pytest.mark.parametrize(("xpath", "says"), XPATHS.items(), ids=XPATHS)
def test_an_xpath_that_would_fail_on_some_record_is_refused(
    tmp_path: Path, xpath: str, says: str
) -> None:
    (problem,) = problems_of([own(tmp_path, RULE.replace("not(first_name)", xpath))], {})
    assert problem.message.startswith("campus.toml line 1: campus.words: `xpath` ")
    assert says in problem.message


@pytest.mark.parametrize("xpath", FINE)
def test_an_xpath_that_stays_in_the_record_is_taken(tmp_path: Path, xpath: str) -> None:
    text = RULE.replace('"not(first_name)"', f"'''{xpath}'''")
    rules = load_rules([own(tmp_path, text)], {}, [])
    root = parsed(*EVERY_RECORD)
    assert by_facts(root, rules) == by_predicate(root, rules.active)


QUOTED = [
    """first_name = "it's" or last_name = 'say "x"'""",
    "string-length(last_name) < 5 and 2 > 1",
    "last_name = 'M&M' or last_name = '&amp;' or last_name = '<b>'",
    "last_name = '{primary_id}' or last_name = '{{}}' or last_name = '{'",
    "last_name = 'Grüße, 北京, \U0001f600'",
    "last_name = 'a\tb' or last_name = 'a\nb'",
    "last_name = ']]>' or last_name = '-->' or last_name = '<![CDATA['",
    "last_name = '&#9;' or last_name = '%s' or last_name = '\\n'",
    f"contains(last_name, '{NBSP}')",
    "last_name\n=\n'x'",
    "not(\n\tlast_name = ''\n)",
]
NAMES = [
    *("it's", 'say "x"', "Mo", "M&M", "&amp;", "<b>", "{primary_id}", "{{}}", "{", "tmouse"),
    *("Grüße, 北京, \U0001f600", "a\tb", "a\nb", "]]>", "-->", "<![CDATA[", "&#9;", "%s", "\\n"),
    *(f"a{NBSP}b", "x", "", " x "),
]


def named(*names: str) -> etree._Element:
    """A record for each last name."""
    root = etree.Element("users")
    for name in names:
        record = etree.SubElement(root, "user")
        etree.SubElement(record, "primary_id").text = "tmouse"
        etree.SubElement(record, "last_name").text = name
    return root


@pytest.mark.parametrize("xpath", QUOTED)
def test_nothing_in_an_xpath_is_lost_on_the_way(tmp_path: Path, xpath: str) -> None:
    text = RULE.replace('"not(first_name)"', f"'''{xpath}'''")
    rules = load_rules([own(tmp_path, text)], {}, [])
    root = named(*NAMES)
    assert by_facts(root, rules) == by_predicate(root, rules.active) != []


@given(st.text(st.sampled_from('ab<>&{}%#;"\t\n \u00a0é\U0001f600|()[]'), max_size=12))
def test_any_text_may_stand_in_an_xpath(text: str) -> None:
    rule = Rule("campus.x", Severity.ERROR, "m", "h", xpath=f"last_name = '{text}'")
    root = named(text, text + "x", "a")
    rules = RuleSet((), (rule,))
    assert by_facts(root, rules) == by_predicate(root, [rule])
    assert ("campus.x", 0) in by_facts(root, rules)


def test_a_rule_sees_only_what_is_a_user(tmp_path: Path) -> None:
    always = RULE.replace("not(first_name)", "true()")
    found = checked(
        load_rules([own(tmp_path, always)], {"schema.invalid": Severity.OFF}, []),
        '<foo/><user/><x:user xmlns:x="urn:x"/><user xmlns="urn:x"/><users><user/></users><user/>',
    )
    assert found == {1: ["campus.words"], 5: ["campus.words"]}


def checked(rules: RuleSet, content: str) -> dict[int, list[str]]:
    """The rules that records break, by their place, as a check of a whole chunk finds them."""
    root = Root(b"<users>", b"</users>")
    checked = Checker(load_schema(None), rules).check_slice(root, content.encode())
    return {index: [i.rule for i in issues] for index, issues in sorted(checked.issues.items())}


def test_what_an_xpath_finds_does_not_depend_on_other_records(tmp_path: Path) -> None:
    """Whitespace between tags may be dropped on the way, but never unseen."""
    text = RULE.replace("not(first_name)", "text() or contains(contact_info, ' ')")
    rules = load_rules([own(tmp_path, text)], {"schema.invalid": Severity.OFF}, [])
    spaced = "<user>\n<contact_info> <emails/></contact_info></user>"
    dense = "<user><contact_info><emails/></contact_info></user>"
    for neighbour in ("<user><!-- x --></user>", "<user>\r</user>", "<user></user>"):
        found = checked(rules, dense + spaced + neighbour)
        assert 0 not in found
        assert found[1] == ["campus.words"]


FUNCTIONS_OF_XSLT = [
    "document('other.xml')",
    "document ('')//x",
    "current()/last_name",
    "key('a', 'b')",
    "generate-id() = 'x'",
    "generate-id(last_name)",
    "system-property('xsl:vendor')",
    "format-number(1, '#')",
    "unparsed-entity-uri('x')",
    "element-available('x')",
    "function-available('x')",
    "last_name[current()]",
    "last_name | document('x')",
    "\u00e9t\u00e9()",
    "name_of_nobody[\u00e9(.)]",
]


@pytest.mark.parametrize("xpath", FUNCTIONS_OF_XSLT)
def test_functions_of_xslt_are_none_of_xpath(tmp_path: Path, xpath: str) -> None:
    text = RULE.replace('"not(first_name)"', f"'''{xpath}'''")
    (problem,) = problems_of([own(tmp_path, text)], {})
    assert "which XPath 1.0 does not have" in problem.message


def test_a_thousand_rules_of_an_operator_work_together() -> None:
    rules = tuple(
        Rule(f"campus.n{n}", Severity.ERROR, "m", "h", xpath=f"last_name = 'x{n}'")
        for n in range(1000)
    )
    root = named("x0", "x999", "x1000", "x500")
    assert by_facts(root, RuleSet((), rules)) == [
        ("campus.n0", 0),
        ("campus.n500", 3),
        ("campus.n999", 1),
    ]


def formed(form: str, field: str) -> RuleSet:
    """One rule of an operator about a field."""
    text = RULE.replace('xpath = "not(first_name)"', f'{form} = "{field}"')
    file = parse_rules(text)
    assert file.faults == ()
    return RuleSet((), file.rules)


FORMED = [
    (form, name)
    for form in FORMS
    for name in fields.NAMES
    if form != "several" or fields.walked(name)
]


@pytest.mark.parametrize(("form", "name"), FORMED)
def test_each_form_finds_in_each_field_what_its_xpath_finds(form: str, name: str) -> None:
    rules = formed(form, name)
    root = parsed(*EVERY_RECORD, "<user/>", two_addresses(WHOLE + HOME), two_addresses(""))
    assert by_facts(root, rules) == by_predicate(root, rules.active)


def test_the_forms_ask_different_things_of_a_field() -> None:
    half = two_addresses(HOME)
    none = NO_ADDRESS
    found = {
        form: [broken_by(formed(form, "city"), text) != [] for text in (GOOD, half, none)]
        for form in FORMS
    }
    assert found == {
        "missing": [False, False, True],
        "blank": [False, True, False],
        "several": [False, True, False],
        "present": [True, True, False],
    }


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = TWO.replace("not(first_name)", "not(", 1).replace("campus.other", "other")
    assert len(problems_of([own(tmp_path, text), "gone.toml"], {"no.rule": Severity.OFF})) == 4


def test_a_rule_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"about = '\xe9'")
    (problem,) = problems_of([str(tmp_path / "latin.toml")], {})
    assert problem.message == "latin.toml: is not in UTF-8"
    (problem,) = problems_of([str(tmp_path)], {})
    assert "cannot be read" in problem.message


def test_lines_are_left_out_where_they_would_be_a_guess(tmp_path: Path) -> None:
    text = RULE.replace('"A sentence."', '"""\n[[rule]]\n"""').replace('"warning"', '"loud"')
    (problem,) = problems_of([own(tmp_path, text)], {})
    assert problem.message.startswith("campus.toml: campus.words: `severity`")


def test_every_named_check_belongs_to_one_rule() -> None:
    rules = [rule for file in built_in_sets().values() for rule in file.rules]
    assert sorted(rule.check for rule in rules if rule.check) == sorted(CHECKS)


def test_the_built_in_files_are_without_fault_and_say_why() -> None:
    for file in built_in_sets().values():
        assert file.faults == ()
        assert file.about
        assert all(rule.why for rule in file.rules)


def test_every_fatal_rule_has_its_words_and_its_reason() -> None:
    reasons = [Fatal(rule.id, 1, 1, 0, "", "", "").reason for rule in fatal_rules()]
    assert len(reasons) == len(set(reasons))
    assert set(reasons) == {
        reason for reason in REJECTED_REASONS if reason.startswith(("xml_", "zip_"))
    }
    assert Reason.XML_EMPTY in reasons
    assert all(rule.message and rule.hint and rule.why for rule in fatal_rules())


def test_the_page_about_rules_is_fresh() -> None:
    again = "run: .venv/bin/python -m sisdrop.records.catalogue > docs/rules.md"
    assert PAGE.read_text("utf-8") == catalogue(built_in_sets(), fatal_rules()), again


def test_the_example_on_the_page_works(tmp_path: Path) -> None:
    example = OWN_RULES.split("```toml\n")[1].split("```")[0]
    rules = load_rules([own(tmp_path, example)], {}, [])
    assert [rule.id for rule in rules.rules] == [
        *ALWAYS,
        *(rule["id"] for rule in tomllib.loads(example)["rule"]),
    ]
    named = ("<last_name>", "<first_name>Una</first_name><last_name>")
    assert broken_by(rules, good(named)) == []
    assert broken_by(rules, GOOD) == ["campus.first-name"]
    school = ("<address_type>home", "<address_type>school")
    assert broken_by(rules, good(named, school)) == ["campus.mailbox"]
    assert broken_by(rules, good(named, ("BARCODE", "OTHER"))) == ["campus.barcode"]


def test_the_page_tells_every_field_and_form() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in fields.NAMES if page.count(f"\n| `{name}` | ") != 1] == []
    assert [form for form in (*FORMS, "xpath") if f"\n  - `{form}" not in page] == []
