"""Plain words for every reason, state and verdict: what it is, what it means, what to do.

One table for the report, the share's STATUS.html, the status page and the commands, so that the
registrar's office, the library and the operator read the same sentence everywhere.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sisdrop.errors import Reason
from sisdrop.model import Comparison, FileView, Pickup, State, Verdict
from sisdrop.plain import number


class Words(NamedTuple):
    """A short title, what it means for the reader, and what the reader can do."""

    title: str
    meaning: str
    action: str


_WAIT = "Nothing yet: it is tried again by itself."
_DROP_AGAIN = "then drop the new file into the inbox."
_SEND_OR_NOT = (
    "If this is what you meant, move the file from the folder held into the folder approved on the "
    "share. If not, delete it from held and drop a corrected file."
)

_REJECTED: dict[Reason, Words] = {
    Reason.XML_NOT_WELL_FORMED: Words(
        "Not a proper XML file",
        "One place that breaks the basic form of XML makes Alma refuse the whole load.",
        f"Mend the export at the place that the report names, {_DROP_AGAIN}",
    ),
    Reason.XML_ENCODING: Words(
        "The text is not in UTF-8",
        "One letter that is stored in another way than UTF-8 makes Alma refuse the whole load, or "
        "turns names into nonsense.",
        f"Set the export to UTF-8, {_DROP_AGAIN}",
    ),
    Reason.XML_CONTROL_CHARACTER: Words(
        "An invisible control character",
        "Mostly such a character was pasted into a name or an address. One of them makes Alma "
        "refuse the whole load.",
        "Correct that field in the student system, or let the export remove such characters, "
        f"{_DROP_AGAIN}",
    ),
    Reason.XML_FORBIDDEN_CONSTRUCT: Words(
        "A document type or entity declaration",
        "Patron files need no DOCTYPE and no entities, and these can harm the system that reads "
        "them, so such files are never sent.",
        f"Switch the DOCTYPE line off in the export, {_DROP_AGAIN}",
    ),
    Reason.XML_WRONG_ROOT: Words(
        "Not an Alma user file",
        "The file is XML, but not in the form that Alma reads, so nothing in it can be checked.",
        f"Convert the export to Alma's user format (version 2), {_DROP_AGAIN}",
    ),
    Reason.XML_TRUNCATED: Words(
        "The end of the file is missing",
        "The file stops half-way, as when an export or a copy breaks off. Nobody can tell how "
        "many records are missing.",
        f"Run the export again and let it finish, {_DROP_AGAIN}",
    ),
    Reason.XML_EMPTY: Words(
        "The file is empty",
        "The export wrote nothing, so it has probably failed.",
        f"Run the export again, {_DROP_AGAIN}",
    ),
    Reason.XML_NO_RECORDS: Words(
        "No patron records",
        "The file is in good form but lists nobody.",
        f"Check what the export selects, {_DROP_AGAIN}",
    ),
    Reason.XML_TOO_LARGE: Words(
        "The file is too large",
        "The file is larger than the service takes.",
        "Check that it is the right file. If it is, split the export, or ask the operator of "
        "sisdrop to raise the limit (inbox.max_file_size).",
    ),
    Reason.XML_RECORD_TOO_LARGE: Words(
        "One record is too large",
        "No true patron record is that large; mostly a closing tag is missing.",
        "Look at the place that the report names. If the record is right, ask the operator of "
        "sisdrop to raise the limit (validation.max_record_size).",
    ),
    Reason.ZIP_UNREADABLE: Words(
        "The zip cannot be opened",
        "sisdrop cannot look into the zip, so nothing in it can be checked.",
        f"Zip the XML file again without a password, or take the XML file itself, {_DROP_AGAIN}",
    ),
    Reason.ZIP_NOT_ONE_FILE: Words(
        "Not exactly one file in the zip",
        "A zip may hold one XML file and nothing else. Which of several is meant cannot be known.",
        f"Zip each XML file by itself, or take the XML file itself, {_DROP_AGAIN}",
    ),
    Reason.ZIP_TOO_LARGE: Words(
        "What is in the zip is too large",
        "What comes out of the zip is more than this service accepts.",
        "Check that it is the right file. If it is, drop the XML file itself, or ask the operator "
        "of sisdrop to raise the limit (inbox.max_file_size).",
    ),
    Reason.NO_DELIVERABLE_RECORDS: Words(
        "Not one record could be sent",
        "The file is in good form, but every record in it had to be left out.",
        f"The rules below say why. Correct the export, {_DROP_AGAIN}",
    ),
    Reason.DUPLICATES_REFUSED: Words(
        "The same person more than once",
        "At least one person is in the file more than once, and this service is set to refuse "
        "such files.",
        f"Let the export list each person once, {_DROP_AGAIN}",
    ),
    Reason.REFUSED: Words(
        "Refused by a person",
        "The file was waiting for a decision, and somebody decided not to send it.",
        "Nothing needs to be done. Drop a corrected file when there is one.",
    ),
}

_HELD: dict[Reason, Words] = {
    Reason.SHRUNK: Words(
        "Far fewer records than last time",
        "The file holds many fewer records than the last one. The export may have missed people.",
        "Compare the number of records with what the student system should have.",
    ),
    Reason.GROWN: Words(
        "Far more records than last time",
        "The file holds many more records than the last one. The export may have taken in people "
        "who are no library patrons.",
        "Compare the number of records with what the student system should have.",
    ),
    Reason.GROUP_SHRUNK: Words(
        "One user group lost many records",
        "One user group holds many fewer records than in the last file. A part of the export may "
        "be missing, or a group code was changed.",
        "Check what the export selects for this user group.",
    ),
    Reason.TOO_MANY_NEW: Words(
        "Many people who were not in the last file",
        "That is normal at the start of a term. It also happens when the identifier was switched "
        "to another number: then Alma would hold every patron twice.",
        "Check that the primary identifier is still the same kind of number as before.",
    ),
    Reason.TOO_MANY_ABSENT: Words(
        "Many people of the last file are missing",
        "People who were in the last file are not in this one. Alma does not delete them, but it "
        "no longer learns about their changes either.",
        "Check that the export still selects everybody it should.",
    ),
    Reason.STATE_RISE: Words(
        "Many more expired or inactive people",
        "Many more records than last time are expired, due for purge or inactive. The dates of "
        "the new term may not have been entered yet; these patrons could no longer borrow.",
        "Check the expiry dates and purge dates in the export.",
    ),
    Reason.FIELD_LOSS: Words(
        "A field is missing that was there before",
        "The last file carried this field for many more people. Alma erases what a record no "
        "longer carries, so sending this file would wipe the field in Alma.",
        "Check that the export still fills this field.",
    ),
    Reason.TOO_MANY_LEFT_OUT: Words(
        "Many records have errors",
        "More records than allowed had to be left out because of errors.",
        "Correct the errors that the report lists at their source.",
    ),
    Reason.STALE: Words(
        "Older than a file already sent",
        "A newer file of the same kind has gone out. Sending this one would put old data over new "
        "data in Alma.",
        "Delete it from the folder held and drop today's file. To send this one all the same, "
        "ask the operator of sisdrop (sisdrop approve ID --stale).",
    ),
    Reason.FIRST_LOAD: Words(
        "The first file of its kind",
        "There is no earlier file to compare this one with, so a person has to look at it once.",
        "Check the counts below against what you expect.",
    ),
    Reason.INTERNAL_ERROR: Words(
        "sisdrop could not work through this file",
        "Three tries ended in a fault of sisdrop itself. The file is safe, and others go on.",
        "Leave the file in the folder held and tell the operator of sisdrop.",
    ),
}

_TRANSIENT: dict[Reason, Words] = {
    Reason.CONNECT: Words(
        "The server cannot be reached",
        "No connection to the server from which Alma fetches files.",
        f"{_WAIT} If it lasts for hours, the operator checks the network and the firewall.",
    ),
    Reason.CONNECTION_LOST: Words(
        "The connection broke off",
        "The connection to the server ended before all was sent. Alma sees no half file.",
        f"{_WAIT} If it lasts for hours, the operator checks the network.",
    ),
    Reason.TIMEOUT: Words(
        "The server does not answer",
        "The server was reached but stayed silent for too long.",
        f"{_WAIT} If it lasts for hours, ask the owner of the server.",
    ),
    Reason.REMOTE_FAILURE: Words(
        "The server reported a failure",
        "The server answered with a failure and gave no usable cause.",
        f"{_WAIT} If it lasts for hours, ask the owner of the server.",
    ),
    Reason.REMOTE_FULL: Words(
        "The server is full",
        "The server from which Alma fetches files has no space left.",
        "Ask the owner of the server to make room. It is tried again by itself.",
    ),
    Reason.SHARE_GONE: Words(
        "The share cannot be reached",
        "The folder into which files are dropped is missing or cannot be read.",
        "Check the file server and the mount. sisdrop goes on by itself once the share is back.",
    ),
    Reason.DATA_FULL: Words(
        "sisdrop's own disk is full",
        "There is no room left for one more file and its copies. New files wait on the share.",
        "The operator enlarges the data volume. sisdrop goes on by itself.",
    ),
}

_OPERATOR: dict[Reason, Words] = {
    Reason.HOST_KEY: Words(
        "The server's identity has changed",
        "The server does not show the key that sisdrop knows it by. Nothing is sent until a "
        "person has checked that it is still the right server.",
        "The operator asks the owner of the server for its new fingerprint and compares it "
        "(sisdrop scan-host-key).",
    ),
    Reason.AUTH: Words(
        "The server refuses the login",
        "The server does not accept the account or its key.",
        "The operator asks the owner of the server whether the account and the public key are "
        "still in place.",
    ),
    Reason.KEY_UNREADABLE: Words(
        "The login key cannot be read",
        "The file with sisdrop's own key or password is missing, damaged or not readable.",
        "The operator checks the secret and the rights on it (sisdrop check).",
    ),
    Reason.REMOTE_PATH: Words(
        "The upload folder does not exist",
        "The folder on the server into which files are to be put is not there.",
        "The operator checks the setting sftp.directory, or asks the owner of the server to make "
        "the folder.",
    ),
    Reason.REMOTE_PERMISSION: Words(
        "No right to write on the server",
        "The account can log in but may not put files into the upload folder.",
        "The operator asks the owner of the server for the right to write there.",
    ),
    Reason.REMOTE_CONFLICT: Words(
        "Another file has our name on the server",
        "On the server lies a file with the very name of ours but another size. sisdrop replaces "
        "nothing that it did not put there.",
        "The operator looks at that file with the owner of the server and has it moved away.",
    ),
    Reason.SHARE_CHANGED: Words(
        "This is not the share sisdrop knows",
        "The share is another one than before, was restored, or is not mounted. sisdrop writes "
        "nothing there until a person confirms it.",
        "The operator checks the mount. If the new share is right: sisdrop check --adopt-share.",
    ),
    Reason.SHARE_PERMISSION: Words(
        "sisdrop may not write on the share",
        "sisdrop can see the share but has no right to move or write files there.",
        "Campus IT gives sisdrop's account the right to change the inbox and its folders.",
    ),
    Reason.LEDGER_UNUSABLE: Words(
        "sisdrop's own records cannot be used",
        "The ledger, in which sisdrop notes what became of each file, cannot be read or written. "
        "Nothing is sent, so that nothing is sent twice.",
        "The operator checks the data volume or restores the ledger.",
    ),
}

REASONS: Mapping[Reason, Words] = MappingProxyType(_REJECTED | _HELD | _TRANSIENT | _OPERATOR)

# The alert whose runbook says more. What the world or an operator must mend is told apart there.
RUNBOOKS: Mapping[Reason, str] = MappingProxyType(
    dict.fromkeys(_REJECTED, "SisdropFileRejected")
    | dict.fromkeys(_HELD, "SisdropFileHeld")
    | dict.fromkeys(_TRANSIENT, "SisdropDeliveryFailing")
    | dict.fromkeys(_OPERATOR, "SisdropNeedsOperator")
    | {
        Reason.SHARE_GONE: "SisdropShareGone",
        Reason.DATA_FULL: "SisdropDataVolumeFilling",
        Reason.LEDGER_UNUSABLE: "SisdropLedgerNotWritable",
    }
)

STATES: Mapping[State, Words] = MappingProxyType(
    {
        State.CLAIMED: Words("Being checked", "sisdrop is reading the file.", "Nothing."),
        State.REFINED: Words(
            "Checked", "The file was read and is compared with the last one.", "Nothing."
        ),
        State.HELD: Words(
            "Waiting for a decision",
            "Something about the file is unusual. Nothing of it is sent until a person says so.",
            _SEND_OR_NOT,
        ),
        State.QUEUED: Words(
            "Waiting to be sent", "The file is good and waits for its turn.", "Nothing."
        ),
        State.DELIVERING: Words("Being sent", "The file is on its way to the server.", "Nothing."),
        State.DELIVERED: Words(
            "Delivered",
            "The file lies complete on the server from which Alma fetches it.",
            "Nothing.",
        ),
        State.ARCHIVED: Words(
            "Delivered",
            "The file was put on the server from which Alma fetches it; a copy is in the archive.",
            "Nothing.",
        ),
        State.REJECTED: Words(
            "Rejected",
            "The file cannot be used. Nothing of it was sent.",
            "Read the report beside it in the folder rejected, correct the export and drop the "
            "new file into the inbox.",
        ),
        State.DUPLICATE: Words(
            "Same as the last file",
            "The same records were sent before, so nothing was sent again.",
            "Nothing. If the file should have been new, check the export.",
        ),
        State.SUPERSEDED: Words(
            "Replaced by a newer file",
            "A newer file of the same kind came before this one was sent. It is in the archive.",
            "Nothing.",
        ),
    }
)

VERDICTS: Mapping[Verdict, Words] = MappingProxyType(
    {
        Verdict.ACCEPTED: Words("Accepted", "The file is good.", "Nothing needs to be done."),
        Verdict.HELD: Words(
            "Waiting for a decision",
            "The file is in good form, but something about it is unusual. Nothing of it is sent "
            "until a person says so.",
            _SEND_OR_NOT,
        ),
        Verdict.REJECTED: Words(
            "Rejected",
            "The file cannot be used. Nothing of it was sent.",
            f"Correct the export, {_DROP_AGAIN}",
        ),
        Verdict.DUPLICATE: Words(
            "Same as the last file",
            "The same records were sent before, so nothing was sent again.",
            "Nothing needs to be done. If the file should have been new, check the export.",
        ),
    }
)

# What reports say beside the tables above.
WOULD_REJECT = "The file cannot be used: sisdrop would reject it."
THEN_DROP_AGAIN = f"{_DROP_AGAIN[0].upper()}{_DROP_AGAIN[1:]}"
SCHEMA_FAULTS = "Records do not fit Alma's user schema."
SYSTEMATIC_TITLE = "The extract, not the people"
SYSTEMATIC = (
    "The same fault in so many records comes from the way the extract is made. Mend it there, "
    "once; do not correct people one by one."
)
MEND_EXTRACT = f'Mend the extract first, as told under "{SYSTEMATIC_TITLE}".'
MEND_RECORDS = (
    "Correct the left-out records in the student system; a later file will bring them. Until then "
    "Alma keeps what it has for these people."
)
MEND_WARNINGS = (
    "Nothing needs to be done now. Fill what the warnings below name when you can; some library "
    "services may not work for these people until then."
)
LENIENT = "If Alma takes such records all the same, the operator of sisdrop can let them pass with"
SEE_THE_TEXT = "To see the text there, add --identify, or --report FILE.html."

# The folder `approved` lifts limits only; these two need the operator.
_NOT_BY_FOLDER = frozenset({Reason.STALE, Reason.INTERNAL_ERROR})


def how_to_decide(reasons: frozenset[Reason]) -> str | None:
    """How to send or refuse a held file by moving it on the share; None if that cannot help."""
    return None if reasons & _NOT_BY_FOLDER else _SEND_OR_NOT


PICKUPS = {
    Pickup.WAITING: "It waits on the server until Alma fetches it.",
    Pickup.OVERDUE: "Alma should have fetched it by now: look at the schedule of the load in Alma.",
    Pickup.PICKED_UP: "Alma has fetched it. Whether it was loaded is told by Alma's job report.",
    Pickup.VANISHED: "It is gone from the server without trace: Alma has probably fetched it.",
}
_SINCE = {
    Pickup.PICKED_UP: ", fetched by Alma",
    Pickup.VANISHED: ", gone since",
    Pickup.OVERDUE: ", not fetched",
}


def pickup_text(file: FileView) -> str | None:
    """What became of a zip on the server, and what the job report of its load should show."""
    if file.pickup is None:
        return None
    told, report = PICKUPS[file.pickup], job_report(file.comparison)
    if file.pickup in (Pickup.PICKED_UP, Pickup.VANISHED):
        if report:
            told += f" {report}"
        if file.entry:
            told += f" There it goes by the name {file.entry}."
    return told


def job_report(compared: Comparison | None) -> str | None:
    """What Alma's job report should show of a load, where that is known."""
    if compared is None or compared.new is None or compared.changed is None:
        return None
    return (
        f"Alma's job report should show about {number(compared.new)} created and"
        f" {number(compared.changed)} updated."
    )


def outcome(file: FileView) -> str:
    """Where a file stands, in two to five words; a rehearsed file never reads as delivered."""
    if file.rehearsed and file.state is State.ARCHIVED:
        return "Rehearsed, not sent"
    if file.state is State.ARCHIVED and file.delivered_at is None:
        return "Nothing to send"
    title = STATES[file.state].title
    again = f"{title} again" if file.resent else title
    return again + _SINCE.get(file.pickup, "") if file.pickup else again
