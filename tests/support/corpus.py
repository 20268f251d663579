"""Files that people really drop: what is in them, and what must become of each.

Every file carries the planted person, so that a test can search all output for them.
"""

from dataclasses import dataclass

from support.xml import Patron, patrons, user, users
from support.zips import How, with_checksum, with_flags, zipped

PLANTED = Patron(
    primary_id="ZQX7741190",
    first_name="Zephyrine",
    last_name="Quillfeather",
    email="zephyrine.quillfeather@example.edu",
    barcodes=("29990777411905",),
    extra="    <birth_date>1987-03-14</birth_date>",
)
# What must never leave the volumes, in any case and in any output.
SECRETS = ("ZQX7741190", "Zephyrine", "Quillfeather", "29990777411905", "1987-03-14")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file, and the state and reason in which it must end."""

    name: str
    content: bytes
    state: str
    reason: str | None


def _people(count: int = 3) -> str:
    return users(user(PLANTED), *[user(person) for person in patrons(count)])


def _with(old: str, new: str) -> bytes:
    return _people().replace(old, new, 1).encode()


def corpus() -> list[Dropped]:
    """Every kind of bad file that has a verdict of its own, and the odd ones that are good."""
    good = _people()
    body = good.split("\n", 1)[1]
    name = "Quillfeather"
    rejected = {
        "empty.xml": (b"", "xml_empty"),
        "blank.xml": (b" \r\n\t\n", "xml_empty"),
        "no-records.xml": (b"<users/>", "xml_no_records"),
        "truncated.xml": (good[: len(good) * 2 // 3].encode(), "xml_truncated"),
        "utf16.xml": (good.replace("UTF-8", "UTF-16").encode("utf-16"), "xml_encoding"),
        "cp1252.xml": (
            good.replace(name, f"{name} Müller").encode("cp1252"),
            "xml_encoding",
        ),
        "latin1-declared.xml": (
            good.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
            "xml_encoding",
        ),
        "nul.xml": (_with(name, f"{name}\0"), "xml_control_character"),
        "ctrl-z.xml": (_with(name, f"{name}\x1a"), "xml_control_character"),
        "ctrl-z-reference.xml": (_with(name, f"{name}&#26;"), "xml_control_character"),
        "ampersand.xml": (_with(name, f"{name} & Sons"), "xml_not_well_formed"),
        "mismatch.xml": (_with("</last_name>", "</lastname>"), "xml_not_well_formed"),
        "two-roots.xml": ((good + body).encode(), "xml_not_well_formed"),
        "blank-line-first.xml": (("\n" + good).encode(), "xml_not_well_formed"),
        "external-entity.xml": (
            _with(
                "<users>",
                '<!DOCTYPE users [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<users>',
            ).replace(name.encode(), b"&x;", 1),
            "xml_forbidden_construct",
        ),
        "billion-laughs.xml": (
            _with("<users>", _LAUGHS + "<users>").replace(name.encode(), b"&d;", 1),
            "xml_forbidden_construct",
        ),
        "v1.xml": (body.replace("users>", "userRecords>").encode(), "xml_wrong_root"),
        "ims.xml": (f"<enterprise>{body}</enterprise>".encode(), "xml_wrong_root"),
        "workday.xml": (
            f'<wd:Report_Data xmlns:wd="urn:com.workday.report/x">{name}</wd:Report_Data>'.encode(),
            "xml_wrong_root",
        ),
        "namespace.xml": (_with("<users>", '<users xmlns="urn:x">'), "xml_wrong_root"),
        "lone-user.xml": (user(PLANTED).encode(), "xml_wrong_root"),
        "table.xml": (f"id,name\n{PLANTED.primary_id},{name}\n".encode(), "xml_not_well_formed"),
        "ten-megabytes.xml": (
            _with(name, f"{name} {'x' * 10_500_000}"),
            "xml_record_too_large",
        ),
        "huge-record.xml": (
            _with("</user>", "<user_notes>" + _NOTE * 40_000 + "</user_notes></user>"),
            "xml_record_too_large",
        ),
        "no-zip.xml": (b"PK\x03\x04 Quillfeather PK\x05\x06", "zip_unreadable"),
        "zip-damaged.xml": (with_checksum(zipped(good), 1), "zip_unreadable"),
        "zip-with-password.xml": (with_flags(zipped(good, f"{name}.xml"), 1), "zip_unreadable"),
        "zip-of-two.xml": (
            zipped(good, how=How(beside={f"{name}.xml": good.encode()})),
            "zip_not_one_file",
        ),
        "zip-bomb.xml": (zipped(good + " " * (24 << 20)), "zip_too_large"),
        "zip-of-ampersand.xml": (zipped(_with(name, f"{name} & Sons")), "xml_not_well_formed"),
        "never-closed.xml": (
            _with("</user>", "") + b" " * 5_000_000,
            "xml_not_well_formed",
        ),
        "all-bad.xml": (
            users(user(PLANTED).replace("2030-05-31", "31.05.2030")).encode(),
            "no_deliverable_records",
        ),
    }
    return [
        *(Dropped(file, data, "rejected", why) for file, (data, why) in rejected.items()),
        Dropped("bom.xml", b"\xef\xbb\xbf" + _people(4).encode(), "archived", None),
        Dropped("no-declaration.xml", users(user(PLANTED), declaration=False).encode(),
                "archived", None),
        Dropped("-rf 'quoted\" na\nme;.xml", _people(5).encode(), "archived", None),
        Dropped("Größe 学生.xml", _people(6).encode(), "archived", None),
        Dropped("n" * 251 + ".xml", _people(7).encode(), "archived", None),
        Dropped("zip.xml", zipped(_people(8), f"{name}.xml"), "archived", None),
    ]  # fmt: skip


_NOTE = (
    "<user_note><note_type>OTHER</note_type><note_text>An invented note, long enough.</note_text>"
    "<user_viewable>false</user_viewable><popup_note>false</popup_note></user_note>"
)
_LAUGHS = (
    '<!DOCTYPE users [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">'
    '<!ENTITY d "&c;&c;&c;&c;">]>'
)
