import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from sisdrop.errors import Reason
from sisdrop.model import Counts, Severity, Signature, StillChanging
from sisdrop.records.findings import MAX_EXAMPLES, MAX_GROUPS
from sisdrop.records.refine import kept, refine
from support.invented.extract import write_extract
from support.refining import LIMITS, checker, finding, refined, sent
from support.xml import bulky, patrons, user, users

THREE = patrons(3)
PLAIN = users(*(user(person) for person in THREE))


def ids(xml: bytes) -> list[str | None]:
    return [record.findtext("primary_id") for record in etree.fromstring(xml)]


def signature(path: Path) -> Signature:
    status = path.stat()
    return Signature(status.st_size, status.st_mtime_ns, status.st_ino)


def test_a_good_file_is_sent_as_it_is(tmp_path: Path) -> None:
    found = refined(PLAIN, tmp_path)
    assert found.fatal is None
    assert found.findings == ()
    assert found.counts == Counts(total=3, delivered=3)
    assert found.profile.records == 3
    assert found.sha256 == hashlib.sha256(PLAIN.encode()).hexdigest()
    assert found.size == len(PLAIN)
    assert found.bundle is not None
    assert found.bundle.identical
    assert found.bundle.entry == "students.F1.xml"
    assert sent(found) == PLAIN.encode()


def test_the_same_file_makes_the_same_zip(tmp_path: Path) -> None:
    one = refined(PLAIN, tmp_path).bundle
    assert refined(PLAIN, tmp_path).bundle == one


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "work"
    path.write_text(PLAIN)
    found = refine(path, None, "F1", "a.xml", None, checker(), LIMITS, lambda _: None)
    assert not isinstance(found, StillChanging)
    assert found.counts.delivered == 3
    assert found.bundle is None
    assert list(tmp_path.iterdir()) == [path]


def test_a_record_with_an_error_is_left_out_and_nothing_else_changes(tmp_path: Path) -> None:
    records = [user(person) for person in THREE]
    records[1] = user(replace(THREE[1], expiry="31/05/2030"))
    found = refined(users(*records), tmp_path)
    assert found.counts == Counts(total=3, delivered=2, left_out=1)
    bad = records[1].strip()
    assert sent(found) == users(*records).replace(bad, "").encode()
    assert found.bundle is not None
    assert not found.bundle.identical
    (example,) = finding(found, "schema.invalid").examples
    assert (example.record, example.primary_id) == (2, "T000002")


def test_a_record_with_a_warning_is_sent_and_counted(tmp_path: Path) -> None:
    records = [user(THREE[0]), user(replace(THREE[1], preferred=False))]
    found = refined(users(*records), tmp_path)
    assert found.counts == Counts(total=2, delivered=2, warned=1)
    assert {f.severity for f in found.findings} == {Severity.WARNING}
    assert sent(found) == users(*records).encode()


def test_the_later_record_of_a_person_is_a_duplicate(tmp_path: Path) -> None:
    again = replace(THREE[1], primary_id="t000001 ")
    found = refined(users(user(THREE[0]), user(again), user(THREE[2])), tmp_path)
    assert found.counts == Counts(total=3, delivered=2, duplicates=1)
    assert ids(sent(found)) == ["T000001", "T000003"]


def test_the_first_record_of_a_person_decides_even_when_it_is_left_out(tmp_path: Path) -> None:
    bad = replace(THREE[0], omit=frozenset({"last_name"}))
    found = refined(users(user(bad), user(THREE[0]), user(THREE[2])), tmp_path)
    assert found.counts == Counts(total=3, delivered=1, left_out=1, duplicates=1)
    assert ids(sent(found)) == ["T000003"]


def test_a_repeated_person_may_be_let_through(tmp_path: Path) -> None:
    document = users(user(THREE[0]), user(THREE[0]))
    warn = refined(document, tmp_path, checker({"alma.duplicate-primary-id": Severity.WARNING}))
    assert warn.counts == Counts(total=2, delivered=2, warned=1)
    assert [f.rule for f in warn.findings] == ["alma.duplicate-primary-id"]
    off = refined(document, tmp_path, checker({"alma.duplicate-primary-id": Severity.OFF}))
    assert (off.counts, off.findings) == (Counts(total=2, delivered=2), ())


def test_an_identifier_of_somebody_else_leaves_the_later_record_out(tmp_path: Path) -> None:
    thief = replace(THREE[1], barcodes=("X1", THREE[0].barcodes[1].lower()))
    found = refined(users(user(THREE[0]), user(thief)), tmp_path)
    assert found.counts == Counts(total=2, delivered=1, left_out=1)
    assert finding(found, "alma.duplicate-identifier").count == 1


def test_an_identifier_of_a_record_left_out_is_free(tmp_path: Path) -> None:
    bad = replace(THREE[0], omit=frozenset({"last_name"}))
    heir = replace(THREE[1], barcodes=THREE[0].barcodes)
    found = refined(users(user(bad), user(heir)), tmp_path)
    assert found.counts == Counts(total=2, delivered=1, left_out=1)


def test_a_primary_id_of_somebody_else_is_taken_as_an_identifier_too(tmp_path: Path) -> None:
    found = refined(users(user(THREE[0]), user(replace(THREE[1], barcodes=("t000001",)))), tmp_path)
    assert finding(found, "alma.duplicate-identifier").count == 1


def test_an_identifier_repeated_in_a_record_is_a_warning(tmp_path: Path) -> None:
    found = refined(users(user(replace(THREE[0], barcodes=("t000001",)))), tmp_path)
    assert found.counts == Counts(total=1, delivered=1, warned=1)
    assert finding(found, "alma.identifier-repeated-in-record").count == 1


def test_a_file_of_which_nothing_is_left_makes_no_zip(tmp_path: Path) -> None:
    found = refined(users("<user/>"), tmp_path)
    assert found.fatal is None
    assert found.bundle is None
    assert found.counts == Counts(total=1, left_out=1)
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_a_bad_root_leaves_every_record_out(tmp_path: Path) -> None:
    found = refined(PLAIN.replace("<users>", "<users colour='green'>"), tmp_path)
    assert found.counts == Counts(total=3, left_out=3)
    assert finding(found, "schema.invalid").element == "users"
    assert found.bundle is None


def test_a_bad_root_may_be_let_through(tmp_path: Path) -> None:
    using = checker({"schema.invalid": Severity.WARNING})
    document = PLAIN.replace("<users>", "<users colour='green'>")
    found = refined(document, tmp_path, using)
    assert found.counts.delivered == 3
    assert sent(found) == document.encode()


def test_text_between_records_is_cut_and_the_records_go_on(tmp_path: Path) -> None:
    document = PLAIN.replace("</user>\n", "</user>\n stray <!-- kept --> text\n", 1)
    found = refined(document, tmp_path)
    assert found.counts == Counts(total=3, delivered=3)
    (example,) = finding(found, "schema.invalid").examples[:1]
    assert example.record is None
    assert document.splitlines()[example.line - 1].startswith(" stray")
    expected = document.replace(" stray ", "  ").replace("--> text", "--> ")
    assert sent(found) == expected.encode()


def test_a_byte_order_mark_is_removed(tmp_path: Path) -> None:
    found = refined(b"\xef\xbb\xbf" + PLAIN.encode(), tmp_path)
    assert sent(found) == PLAIN.encode()
    assert found.bundle is not None
    assert not found.bundle.identical


def test_a_missing_declaration_is_written(tmp_path: Path) -> None:
    document = users(user(), declaration=False)
    found = refined(document, tmp_path)
    assert sent(found) == b'<?xml version="1.0" encoding="UTF-8"?>\n' + document.encode()
    assert found.bundle is not None
    assert not found.bundle.identical


@pytest.mark.parametrize(
    "declaration",
    ["<?xml version='1.0' encoding='utf-8'?>", "<?xml version='1.0'?>", "<?xml\tversion='1.0' ?>"],
)
def test_a_good_declaration_stays_as_it_is(tmp_path: Path, declaration: str) -> None:
    document = declaration + users(user(), declaration=False)
    assert sent(refined(document, tmp_path)) == document.encode()


def test_a_stylesheet_instruction_does_not_pass_for_a_declaration(tmp_path: Path) -> None:
    document = "<?xml-stylesheet href='a'?>" + users(user(), declaration=False)
    assert sent(refined(document, tmp_path)).startswith(b'<?xml version="1.0"')


@pytest.mark.parametrize("quote", ["'", '"'])
def test_the_record_count_is_corrected_when_records_were_left_out(
    tmp_path: Path, quote: str
) -> None:
    attributes = f" xmlns:total_record_count='urn:a'\n total_record_count = {quote}9{quote}"
    document = users(user(THREE[0]), "<user/>", user(THREE[2]), attributes=attributes)
    found = refined(document, tmp_path)
    expected = document.replace("<user/>", "").replace(f"= {quote}9", f"= {quote}2")
    assert sent(found) == expected.encode()


def test_the_record_count_is_corrected_over_many_blocks(tmp_path: Path) -> None:
    records = ["<user/>" if n % 7 == 0 else user(p) for n, p in enumerate(patrons(1500))]
    document = users(*records, attributes=' total_record_count="1500"')
    found = refined(document, tmp_path)
    expected = document.replace("<user/>", "").replace('"1500"', f'"{found.counts.delivered}"')
    assert sent(found) == expected.encode()


def test_a_wrong_record_count_stays_when_nothing_was_left_out(tmp_path: Path) -> None:
    document = users(user(), attributes=' total_record_count="9"')
    assert sent(refined(document, tmp_path)) == document.encode()


@pytest.mark.parametrize("records", [PLAIN, bulky(40)], ids=["at the end", "on the way"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_whose_zip_would_be_too_large_is_fatal(
    tmp_path: Path, records: str, workers: int
) -> None:
    limits = replace(LIMITS, max_bundle_size=500, workers=workers, parallel_from=0)
    found = refined(records, tmp_path, limits=limits)
    assert found.fatal is not None
    assert found.fatal.reason is Reason.XML_TOO_LARGE
    assert found.fatal.message.endswith("Alma takes no larger zip.")
    assert (found.size, found.bundle) == (len(records), None)
    assert found.sha256 == hashlib.sha256(records.encode()).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_an_unknown_user_group_is_found_only_when_groups_are_configured(tmp_path: Path) -> None:
    assert refined(PLAIN, tmp_path).findings == ()
    found = refined(PLAIN, tmp_path, checker(user_groups=["GRAD"]))
    assert finding(found, "alma.unknown-user-group").count == 2


def test_findings_count_all_and_show_the_first_hundred(tmp_path: Path) -> None:
    found = refined(users(*["<user><x/></user>"] * 150), tmp_path, checker(rules=["none"]))
    (one,) = found.findings
    assert (one.count, len(one.examples)) == (150, MAX_EXAMPLES)
    assert [e.record for e in one.examples] == list(range(1, 101))


def test_findings_of_endless_kinds_are_still_counted(tmp_path: Path) -> None:
    records = [f"<user><x{n}/></user>" for n in range(MAX_GROUPS + 50)]
    found = refined(users(*records), tmp_path, checker(rules=["none"]))
    assert len(found.findings) == MAX_GROUPS + 1
    assert sum(one.count for one in found.findings) == MAX_GROUPS + 50


def test_the_report_names_schema_and_rules(tmp_path: Path) -> None:
    found = refined(PLAIN, tmp_path)
    assert found.schema.startswith("builtin sha256:")
    assert found.rules == ("alma", "ishare-public")


def test_progress_is_told_up_to_the_size(tmp_path: Path) -> None:
    path = tmp_path / "work"
    size = write_extract(path, 1000)
    seen: list[int] = []
    refine(path, None, "F1", "a.xml", None, checker(), LIMITS, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == size


def test_a_file_that_is_not_what_it_was_must_settle_again(tmp_path: Path) -> None:
    path = tmp_path / "work"
    path.write_text(PLAIN)
    before = signature(path)
    path.write_text(PLAIN + " ")
    found = refine(path, before, "F1", "a.xml", tmp_path, checker(), LIMITS, lambda _: None)
    assert found == StillChanging(signature(path))
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_grows_while_it_is_read_must_settle_again(tmp_path: Path) -> None:
    path = tmp_path / "work"
    write_extract(path, 500)

    def grow(_: int) -> None:
        with path.open("ab") as file:
            file.write(b"\n")

    found = refine(path, signature(path), "F1", "a.xml", tmp_path, checker(), LIMITS, grow)
    assert found == StillChanging(signature(path))
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_touched_while_it_is_read_must_settle_again(tmp_path: Path) -> None:
    path = tmp_path / "work"
    path.write_text(PLAIN)
    found = refine(
        path, None, "F1", "a.xml", tmp_path, checker(), LIMITS, lambda _: os.utime(path, (1, 1))
    )
    assert isinstance(found, StillChanging)


def test_no_link_is_followed_and_no_pipe_waited_for(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(PLAIN)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=r"regular file|symbolic links"):
            refine(tmp_path / name, None, "F1", "a", None, checker(), LIMITS, lambda _: None)


def test_a_failure_to_write_is_passed_on_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "work").write_text(PLAIN)
    (tmp_path / "F1.zip").mkdir()
    (tmp_path / "F1.zip" / "x").touch()
    with pytest.raises(OSError, match="directory"):
        refined(PLAIN, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["F1.zip", "work"]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_cuts_are_taken_out_of_any_blocks(size: int) -> None:
    content = bytes(range(100))
    blocks = [content[at : at + size] for at in range(0, 100, size)]
    left = b"".join(kept(blocks, 10, [(12, 15), (15, 16), (40, 90)]))
    assert left == content[10:12] + content[16:40] + content[90:]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Over 100 MB of patrons are refined in less memory than the file has."""
    size = write_extract(tmp_path / "work", 48_000, fault_rate=0.001)
    assert size > 100_000_000
    # Not ru_maxrss: across fork and exec it begins with the peak of the process that forked.
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from support.refining import LIMITS, checker\n"
        "from sisdrop.records.refine import refine\n"
        "folder = Path(sys.argv[1])\n"
        "refine(folder / 'work', None, 'F1', 'a.xml', folder, checker(), LIMITS, lambda _: None)\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
    )
    tests = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        env={"PYTHONPATH": str(tests)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / "F1.zip").exists()
    assert int(run.stdout) * 1024 < 80_000_000
