"""Say what a file is that does not begin with `<users>`, and what to do about it. Pure."""

import re

ROOT = "users"
RECORD = "user"
_NAMESPACED = re.compile(r"\{[^}]*\}")

_ALMA_V1 = (
    "It is Alma's old format (V1).",
    "Let the export write the V2 format: the root is <users>, each record <user>.",
)
_PEOPLESOFT = (
    "It looks like a PeopleSoft or SOAP message.",
    "Let the export convert it to Alma's user XML before dropping it.",
)
_FEED = (
    "It is a news feed, not patron data.",
    "Look at what the export fetched; drop Alma's user XML.",
)
_WEB_PAGE = (
    "It is a web page, perhaps an error page that was saved instead of the export.",
    "Open the file in a browser to see what the export's server said.",
)
_KNOWN = {
    "userRecords": _ALMA_V1,
    "userRecord": _ALMA_V1,
    "enterprise": (
        "It is an IMS Enterprise file, as Banner's message broker writes it.",
        "Let the export convert it to Alma's user XML before dropping it.",
    ),
    "Report_Data": (
        "It is a Workday report.",
        "Let the export convert it to Alma's user XML before dropping it.",
    ),
    "MSG": _PEOPLESOFT,
    "query": _PEOPLESOFT,
    "Envelope": _PEOPLESOFT,
    "feed": _FEED,
    "rss": _FEED,
    "html": _WEB_PAGE,
    "HTML": _WEB_PAGE,
    "user": (
        "It is a single record.",
        "Wrap it: <users> before it and </users> after it.",
    ),
}


def judge_root(tag: str) -> tuple[str, str] | None:
    """What is wrong with a root element of this name (`{namespace}name`), and a hint.

    None if nothing is. Unknown names are not repeated: they come from the file.
    """
    if tag == ROOT:
        return None
    name = _NAMESPACED.sub("", tag)
    if name == ROOT:
        return (
            "The root element <users> is in a namespace.",
            "Remove the xmlns attribute and any prefix from <users>.",
        )
    if name.casefold() == ROOT:
        return (
            "The root element is <users> in the wrong case.",
            "Write <users> and <user> in lower case.",
        )
    story, hint = _KNOWN.get(
        name, ("", "Drop Alma's user XML (V2): the root is <users>, each record <user>.")
    )
    return f"The root element is not <users>. {story}".strip(), hint
