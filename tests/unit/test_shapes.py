from sisdrop.model import State
from sisdrop.shapes import file_shape, status_shape, story_shape
from support.views import a_file, a_held_file, a_story, busy_view


def test_a_file_has_the_names_of_the_report() -> None:
    assert file_shape(a_held_file()) == {
        "id": "20261123T170301Z-4f7c",
        "file": "students.xml",
        "stream": "students",
        "state": "held",
        "reason": "field_loss",
        "hint": None,
        "since": "2026-11-23T17:03:01Z",
        "bytes": 48_211_904,
        "records": {
            "total": 21_402,
            "delivered": 21_388,
            "left_out": 9,
            "duplicates": 5,
            "yielded": 0,
            "warned": 112,
        },
        "remote_name": None,
        "delivered_at": None,
        "rehearsed": False,
        "resent": 0,
        "pickup": None,
        "pickup_at": None,
        "compared_with": None,
        "held_for": [
            {
                "reason": "field_loss",
                "sentence": "Preferred email: 98.2 % of the records had one in the last file, "
                "3.1 % have one now. Alma would erase it for about 20,300 people.",
            }
        ],
    }


def test_a_file_that_was_not_read_has_no_counts() -> None:
    assert file_shape(a_file(State.CLAIMED, counts=None))["records"] is None


def test_what_people_typed_is_told_only_where_it_is_asked_for() -> None:
    story = a_story()
    assert "Fakename" not in str(story_shape(story, notes=False))
    last = story_shape(story, notes=True)["events"][-1]
    assert last == {
        "at": "2026-11-23T17:03:01Z",
        "actor": "operator",
        "from": "refined",
        "to": "held",
        "reason": "field_loss",
        "note": "Fakename asked for it",
    }


def test_the_status_lists_open_files_before_final_ones() -> None:
    shape = status_shape(busy_view())
    assert [file["state"] for file in shape["files"][:3]] == ["held", "queued", "rejected"]
    assert shape["streams"][0] == {
        "name": "students",
        "last_delivery": "2026-11-23T05:03:01Z",
        "last_file": "students.xml",
        "records": 21_388,
        "next_expected": "2026-11-25T05:03:01Z",
        "last_came": "2026-11-23T05:03:01Z",
        "unchanged_since": None,
        "expectation": "Next file expected by Wed 25 Nov 05:03 UTC; "
        "the last came Mon 23 Nov 05:03 UTC.",
        "waiting": 0,
        "held": 0,
        "not_fetched": 0,
    }
    assert shape["streams"][1]["unchanged_since"] == "2026-10-24T19:03:01Z"
    assert shape["blocked"][0]["reason"] == "auth"
    assert len(shape["days"]) == 60
