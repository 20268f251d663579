"""A stream whose files list only the people who have changed."""

from support.service import Service
from support.xml import patrons, user, users

_CHANGES = [{"name": "changes", "match": ["*.xml"], "kind": "changes"}]


def test_a_file_of_changes_may_be_empty_and_is_judged_person_by_person(service: Service) -> None:
    service.configure({"streams": _CHANGES})
    service.start()
    people = patrons(100)
    service.drop("1.xml", users(*map(user, people)))
    service.wait_for_states("archived")
    service.drop("2.xml", "<users/>")
    (_, nobody) = service.wait_for_states("archived", "archived")
    assert nobody["hint"] == "the file lists nobody, so nobody has changed"
    assert len(service.uploads()) == 1
    # Forty of them have changed, and all of those have lost their address of mail.
    lost = [user(one).replace("<emails>", "<!--").replace("</emails>", "-->") for one in people]
    service.drop("3.xml", users(*lost[:40]))
    (*_, held) = service.wait_for_states("archived", "archived", "held")
    assert held["reason"] == "field_loss"
    assert len(service.uploads()) == 1
