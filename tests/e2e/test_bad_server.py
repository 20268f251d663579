"""A server that is down, full, changed or cut off: nothing is lost, and it goes on by itself."""

import subprocess

from support.service import Service, unzip
from support.xml import bulky, patrons, user, users

_PEOPLE = users(*[user(person) for person in patrons(60)])


def _waits_for(service: Service, reason: str) -> None:
    def blocked() -> bool:
        files = service.files()
        return [(file["state"], file["reason"]) for file in files] == [("queued", reason)]

    service.wait_for(blocked, f"the file waits because of {reason}")


def _arrives(service: Service) -> None:
    service.wait_for_states("archived")
    (delivered,) = service.zips()
    assert unzip(delivered)[1].decode() == _PEOPLE


def test_server_down(service: Service) -> None:
    service.sshd.stop()
    try:
        service.start()
        service.drop("students.xml", _PEOPLE)
        _waits_for(service, "connect")
        assert service.get("/readyz")
    finally:
        service.sshd.start()
    _arrives(service)


def test_wrong_key_then_a_rotated_secret_without_a_restart(service: Service) -> None:
    service.sshd.authorize(service.sshd.other_key)
    service.start()
    service.drop("students.xml", _PEOPLE)
    _waits_for(service, "auth")
    service.wait_for(lambda: service.metric('blocked{reason="auth"}') == 1, "an alert can fire")
    (line,) = [line for line in service.log() if line["event"] == "lane.blocked"]
    assert (line["level"], line["reason"]) == ("error", "auth")
    service.sshd.authorize(service.sshd.key)
    _arrives(service)
    service.wait_for(lambda: service.metric('blocked{reason="auth"}') == 0, "it is over")


def test_wrong_host_key_then_the_new_pin(service: Service) -> None:
    service.sshd.pin(service.sshd.other_key)
    service.start()
    service.drop("students.xml", _PEOPLE)
    _waits_for(service, "host_key")
    assert service.zips() == []
    service.sshd.pin(service.sshd.other_key, service.sshd.host_key)
    _arrives(service)


def test_wrong_folder(service: Service) -> None:
    upload = service.sshd.upload_dir
    aside = upload.with_name("ASIDE")
    upload.rename(aside)
    try:
        service.start()
        service.drop("students.xml", _PEOPLE)
        _waits_for(service, "remote_path")
    finally:
        aside.rename(upload)
    _arrives(service)


def test_a_folder_that_may_not_be_written(service: Service) -> None:
    service.sshd.upload_dir.chmod(0o500)
    try:
        service.start()
        service.drop("students.xml", _PEOPLE)
        _waits_for(service, "remote_permission")
    finally:
        service.sshd.upload_dir.chmod(0o700)
    _arrives(service)


def test_server_full(service: Service) -> None:
    """A small file system in the place of the upload folder."""
    upload = service.sshd.upload_dir
    subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=16k,mode=777", "tmpfs", str(upload)], check=True
    )
    try:
        (upload / "fill").write_bytes(b"\0" * 16_384)
        service.start()
        service.drop("students.xml", _PEOPLE)
        _waits_for(service, "remote_full")
        assert [path.name for path in upload.iterdir()] == ["fill"], "no temporary name is left"
        (upload / "fill").unlink()
        _arrives(service)
    finally:
        subprocess.run(["/bin/umount", str(upload)], check=True)


def test_a_server_that_closes_in_the_middle_of_a_write(service: Service) -> None:
    service.start()
    service.drop("students.xml", bulky(2_000))
    service.wait_for(service.is_uploading, "upload begun", every=0.001)
    service.sshd.drop_sessions()
    (file,) = service.wait_for_states("archived")
    assert [path.name for path in service.zips()] == [file["remote_name"]]
    story = service.command("show", file["id"]).stdout
    assert "connection_lost" in story


def test_a_stream_that_is_blocked_does_not_stop_the_others(service: Service) -> None:
    service.configure(
        {
            "streams": [
                {"name": "students", "match": ["stu*.xml"], "directory": "~/upload/ALMA/NOPE"},
                {"name": "staff", "match": ["sta*.xml"]},
            ]
        }
    )
    service.start()
    service.drop("students.xml", _PEOPLE)
    service.wait_for(lambda: service.metric('blocked{reason="remote_path"}') == 1, "blocked")
    service.drop("staff.xml", _PEOPLE)
    students, staff = service.wait_for_states("queued", "archived")
    assert (students["stream"], students["reason"]) == ("students", "remote_path")
    (delivered,) = service.zips()
    assert delivered.name == staff["remote_name"]
    assert "-02-staff-" in delivered.name
    service.sshd.upload_dir.with_name("NOPE").mkdir()
    service.sshd.own(service.sshd.upload_dir.with_name("NOPE"))
    service.wait_for_states("archived", "archived")
