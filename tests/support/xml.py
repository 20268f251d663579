"""Small invented patron documents, each field of which a test may change."""

import secrets
from dataclasses import dataclass, field

GROUPS = ("UNDERGRAD", "GRAD", "FACULTY", "STAFF")


@dataclass(frozen=True)
class Patron:
    """One invented person; every field may be changed, `extra` is XML inside the record."""

    primary_id: str = "T000001"
    first_name: str = "Una"
    last_name: str = "Testperson"
    group: str = "UNDERGRAD"
    expiry: str = "2030-05-31"
    purge: str = "2031-05-31"
    email: str = "una@example.edu"
    barcodes: tuple[str, ...] = ()
    preferred: bool = True
    extra: str = ""
    omit: frozenset[str] = field(default_factory=frozenset)


def user(patron: Patron | None = None) -> str:
    """The record of one person, indented by two, with no line break at the end."""
    p = patron or Patron()
    simple = {
        "record_type": "PUBLIC",
        "primary_id": p.primary_id,
        "first_name": p.first_name,
        "last_name": p.last_name,
        "user_group": p.group,
        "expiry_date": p.expiry,
        "purge_date": p.purge,
        "status": "ACTIVE",
    }
    lines = [f"    <{k}>{v}</{k}>" for k, v in simple.items() if k not in p.omit]
    if "contact_info" not in p.omit:
        lines.append(_contact(p))
    if p.barcodes:
        lines.append(_identifiers(p.barcodes))
    if p.extra:
        lines.append(f"    {p.extra}")
    return "  <user>\n" + "\n".join(lines) + "\n  </user>"


def users(*records: str, attributes: str = "", declaration: bool = True) -> str:
    """A document of these records, each on lines of its own."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n' if declaration else ""
    body = "".join(record + "\n" for record in records)
    return f"{head}<users{attributes}>\n{body}</users>\n"


def patrons(count: int) -> list[Patron]:
    """So many different people, all without fault."""
    return [
        Patron(
            primary_id=f"T{number:06d}",
            last_name=f"Testperson{number}",
            email=f"t{number}@example.edu",
            group=GROUPS[number % len(GROUPS)],
            barcodes=(f"B{number:08d}", f"C{number:08d}"),
        )
        for number in range(1, count + 1)
    ]


def bulky(count: int) -> str:
    """Records that do not compress, 27 KB each, so that an upload takes a while."""
    street = "1 Invented Street"
    return users(
        *[user(person).replace(street, secrets.token_urlsafe(20_000)) for person in patrons(count)]
    )


def _contact(p: Patron) -> str:
    preferred = ' preferred="true"' if p.preferred else ""
    return f"""    <contact_info>
      <addresses>
        <address{preferred} segment_type="External">
          <line1>1 Invented Street</line1>
          <city>Testville</city>
          <state_province>IL</state_province>
          <postal_code>60601</postal_code>
          <country>USA</country>
          <address_types><address_type>home</address_type></address_types>
        </address>
      </addresses>
      <emails>
        <email{preferred} segment_type="External">
          <email_address>{p.email}</email_address>
          <email_types><email_type>school</email_type></email_types>
        </email>
      </emails>
      <phones>
        <phone preferred="false" segment_type="External">
          <phone_number>555-0100</phone_number>
          <phone_types><phone_type>mobile</phone_type></phone_types>
        </phone>
      </phones>
    </contact_info>"""


def _identifiers(values: tuple[str, ...]) -> str:
    inner = "".join(
        f"""      <user_identifier segment_type="External">
        <id_type>{"BARCODE" if place == 0 else f"OTHER_ID_{place}"}</id_type>
        <value>{value}</value>
      </user_identifier>
"""
        for place, value in enumerate(values)
    )
    return f"    <user_identifiers>\n{inner}    </user_identifiers>"
