"""Why a dropped zip cannot be taken, in words for whoever dropped it: one fatal for each cause."""

from sisdrop.model import Fatal

_UNREADABLE = "zip.unreadable"
_NOT_ONE = "zip.not-one-file"
_TOO_LARGE = "zip.too-large"


class ZipRefused(Exception):
    """The zip cannot be taken; `fatal` says why."""

    def __init__(self, fatal: Fatal) -> None:
        self.fatal = fatal
        super().__init__(fatal.rule)


def of_whole_file(rule: str, message: str, hint: str) -> Fatal:
    """A fault that stands at no place in particular."""
    return Fatal(rule, line=1, column=1, offset=0, bytes_hex="", message=message, hint=hint)


def damaged() -> Fatal:
    """Cut off, altered, or with a directory that does not fit what it lists."""
    return of_whole_file(
        _UNREADABLE,
        "The zip is damaged or incomplete.",
        "Zip the export again and let the copy finish, or drop the XML itself.",
    )


def encrypted() -> Fatal:
    """Nobody can give us the password."""
    return of_whole_file(
        _UNREADABLE,
        "The zip is protected by a password.",
        "Make the zip without a password, or drop the XML itself.",
    )


def compressed_otherwise() -> Fatal:
    """Deflate64, which Windows uses beyond 2 GB, bzip2, LZMA and the rest."""
    return of_whole_file(
        _UNREADABLE,
        "The zip is compressed by a method other than deflate.",
        "Choose the method Deflate (Windows takes another one for very large files), or drop the"
        " XML itself.",
    )


def holds_nothing() -> Fatal:
    """No entry that could be the XML."""
    return of_whole_file(
        _NOT_ONE,
        "There is no file in the zip.",
        "Put the XML file, and nothing else, into the zip, or drop the XML itself.",
    )


def holds_several(files: int) -> Fatal:
    """Which of them is meant cannot be known."""
    return of_whole_file(
        _NOT_ONE,
        f"There are {files:,} files in the zip.",
        "Zip each XML file by itself, or drop the XML files themselves.",
    )


def holds_too_many() -> Fatal:
    """A directory that is not even read."""
    return of_whole_file(
        _NOT_ONE,
        "There are too many files in the zip.",
        "Zip each XML file by itself, or drop the XML files themselves.",
    )


def too_large() -> Fatal:
    """Beyond the limit that holds for every file."""
    return of_whole_file(
        _TOO_LARGE,
        "The file in the zip is larger than the service takes.",
        "Split the export, or ask the operator to raise inbox.max_file_size.",
    )


def swells() -> Fatal:
    """Made of almost nothing: a bomb, or an export that wrote blanks without end."""
    return of_whole_file(
        _TOO_LARGE,
        "The file in the zip swells to more than any patron file does.",
        "Look at what was zipped: it is almost nothing but repetition. If it is right all the same,"
        " drop the XML itself.",
    )
