"""The whole way of a file, through real processes and a real OpenSSH server."""

import os
import subprocess
import time
import urllib.error
from pathlib import Path

from support.service import SISDROP, Service, unzip
from support.sshd import free_port
from support.xml import Patron, bulky, patrons, user, users
from support.zips import NEXT_NIGHT, How, zipped


def _people(count: int, *, first: int = 0) -> str:
    return users(*[user(person) for person in patrons(first + count)[first:]])


def test_files_by_rename_copy_and_slow_write_arrive_byte_for_byte(service: Service) -> None:
    """However a file gets into the inbox, exactly its bytes are on the server, once."""
    renamed, copied = _people(60), _people(61)
    service.start()
    service.drop("students.xml", renamed)
    service.wait_for_states("archived")

    subprocess.run(["/bin/cp", "/dev/stdin", str(service.inbox / "Students two.XML")],
                   input=copied.encode(), check=True)  # fmt: skip
    service.wait_for_states("archived", "archived")

    slow = _people(62).encode()
    _write_slowly(service, "slow.xml", slow)
    files = service.wait_for_states("archived", "archived", "archived")

    names = [file["remote_name"] for file in files]
    assert [path.name for path in service.zips()] == sorted(names)
    contents = [unzip(service.sshd.upload_dir / name)[1] for name in names]
    assert contents == [renamed.encode(), copied.encode(), slow]
    entries = [unzip(service.sshd.upload_dir / name)[0] for name in names]
    assert len(set(entries)) == 3
    assert entries[0] == f"students.{files[0]['id']}.xml"


def _write_slowly(service: Service, name: str, content: bytes) -> None:
    """In three parts, with pauses longer than a scan, and than the settling time."""
    third = len(content) // 3
    with (service.inbox / name).open("wb", buffering=0) as file:
        for part in (content[:third], content[third : 2 * third]):
            file.write(part)
            _let_scans_pass(service)
            assert (service.inbox / name).exists()
        file.write(content[2 * third :])


def _let_scans_pass(service: Service) -> None:
    """Longer than the settling time, as the service itself counts its looks."""
    begun = service.metric("last_scan_timestamp_seconds")
    service.wait_for(
        lambda: service.metric("last_scan_timestamp_seconds") > begun + 0.7, "several scans passed"
    )


def test_a_delivered_file_leaves_archive_reports_metrics_and_log(service: Service) -> None:
    """What happened can be seen everywhere that somebody looks."""
    service.start()
    service.drop("students.xml", _people(60))
    (file,) = service.wait_for_states("archived")
    file_id = file["id"]

    (folder,) = service.data.glob(f"archive/*/*/*/{file_id}")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [
            f"{file_id}.zip",
            *(
                "manifest.json",
                "refined.json",
                "report.html",
                "report.json",
                "roster.bin",
                "row.json",
            ),
        ]
    )
    (delivered,) = service.zips()
    assert delivered.read_bytes() == (folder / f"{file_id}.zip").read_bytes()
    assert {path.name for path in (service.inbox / "reports").iterdir()} == {
        f"students.{file_id}.html",
        f"students.{file_id}.json",
    }
    assert not (service.inbox / "students.xml").exists()
    assert not list((service.inbox / ".sisdrop" / "work").iterdir())
    service.wait_for(
        lambda: "students.xml" in (service.inbox / "STATUS.html").read_text(), "STATUS.html"
    )
    assert (service.inbox / "README.txt").exists()

    patrons_ = 'stream="patrons"'
    assert service.metric(f'files_total{{outcome="delivered",{patrons_}}}') == 1
    assert service.metric(f'records_total{{outcome="delivered",{patrons_}}}') == 60
    assert service.metric('delivery_attempts_total{result="ok"}') == 1
    assert service.metric(f"last_file_records{{{patrons_}}}") == 60
    assert service.metric(f"delivered_bytes_total{{{patrons_}}}") == delivered.stat().st_size
    assert abs(service.metric(f"last_delivery_timestamp_seconds{{{patrons_}}}") - time.time()) < 60
    assert service.metric("leader") == 1
    assert service.metric("share_up") == 1

    assert service.events(file_id) == [
        "file.claimed",
        "file.refined",
        "file.queued",
        "file.delivered",
        "file.archived",
        "file.finished",
    ]
    (finished,) = [line for line in service.log() if line["event"] == "file.finished"]
    assert (finished["state"], finished["delivered"], finished["attempts"]) == ("archived", 60, 1)


def test_a_repeat_is_skipped_and_an_old_file_is_held(service: Service) -> None:
    """The same file again sends nothing; the one before it would undo the newer one."""
    monday, tuesday = _people(60), _people(62)
    service.start()
    service.drop("students.xml", monday)
    service.wait_for_states("archived")
    service.drop("students.xml", tuesday)
    service.wait_for_states("archived", "archived")
    service.drop("students.xml", tuesday)
    service.wait_for_states("archived", "archived", "duplicate")

    old = service.inbox.parent / "old.xml"
    old.write_text(monday)
    os.utime(old, (1_700_000_000, 1_700_000_000))
    old.rename(service.inbox / "students.xml")
    *_, held = service.wait_for_states("archived", "archived", "duplicate", "held")

    assert held["reason"] == "stale"
    assert len(service.zips()) == 2
    assert service.held_file().read_text() == monday


def test_a_zip_is_the_file_in_it_and_the_same_zipped_anew_is_a_duplicate(service: Service) -> None:
    """One that is no zip of one file comes to lie in `rejected/` with a reason."""
    people = _people(60)
    service.start()
    service.drop("students.zip", zipped(people))
    service.wait_for_states("archived")
    service.drop("students.zip", zipped(people, how=How(at=NEXT_NIGHT)))
    service.wait_for_states("archived", "duplicate")
    service.drop("students.zip", zipped(zipped(people)))
    *_, rejected = service.wait_for_states("archived", "duplicate", "rejected")

    assert rejected["reason"] == "zip_not_one_file"
    (delivered,) = service.zips()
    assert unzip(delivered)[1] == people.encode()
    kept = {path.read_bytes() for path in service.data.glob("archive/**/original.zip")}
    assert kept == {zipped(people), zipped(people, how=How(at=NEXT_NIGHT))}


def test_a_held_file_is_approved_by_moving_it_and_refused_by_deleting_it(
    service: Service,
) -> None:
    """People who only have the share can decide."""
    service.configure({"guard": {"first_load": "hold"}})
    service.start()
    service.drop("students.xml", _people(60))
    service.wait_for_states("held")
    held = service.held_file()
    held.rename(service.inbox / "approved" / held.name)
    (first,) = service.wait_for_states("archived")
    assert len(service.zips()) == 1
    service.wait_for(lambda: not list(service.inbox.glob("held/*")), "held is empty")

    service.drop("students.xml", _people(10))
    service.wait_for_states("archived", "held")
    held = service.held_file()
    held.unlink()
    _, second = service.wait_for_states("archived", "rejected")
    assert second["reason"] == "refused"
    assert len(service.zips()) == 1

    trail = service.command("show", first["id"]).stdout
    assert "share" in trail


def test_a_held_file_dragged_back_to_the_inbox_finds_the_same_hold(service: Service) -> None:
    service.configure({"guard": {"first_load": "hold"}})
    service.start()
    service.drop("students.xml", _people(60))
    (file,) = service.wait_for_states("held")
    held = service.held_file()
    held.rename(service.inbox / "students.xml")
    service.wait_for(held.exists, "it is back in held")
    assert [(f["id"], f["state"]) for f in service.files()] == [(file["id"], "held")]


def test_commands_decide_beside_the_running_service(service: Service) -> None:
    service.configure({"guard": {"first_load": "hold"}})
    service.start()
    service.drop("a.xml", _people(60))
    (first,) = service.wait_for_states("held")
    answer = service.command("approve", first["id"], "--reason", "looked at it")
    assert (answer.returncode, answer.stderr) == (0, "")
    service.wait_for_states("archived")

    service.drop("b.xml", _people(5))
    _, second = service.wait_for_states("archived", "held")
    answer = service.command("refuse", second["id"], "--reason", "half of them are gone")
    assert answer.returncode == 0
    service.wait_for_states("archived", "rejected")
    service.wait_for(lambda: list(service.inbox.glob("rejected/*.xml")), "it is laid down")
    (rejected,) = service.inbox.glob("rejected/*.xml")
    assert rejected.read_text() == _people(5)
    again = service.command("approve", second["id"], "--reason", "oops")
    assert again.returncode == 1
    assert "not held" in again.stderr


def test_an_archived_file_is_sent_again_beside_the_service_and_without_it(
    service: Service,
) -> None:
    service.configure({"guard": {"first_load": "deliver"}})
    service.start()
    service.drop("a.xml", _people(60))
    (file,) = service.wait_for_states("archived")
    answer = service.command("resend", file["id"], "--reason", "Alma lost it")
    assert (answer.returncode, answer.stderr) == (0, "")
    service.wait_for(lambda: len(service.uploads()) == 2, "it went out again")
    (again,) = service.wait_for_states("archived")
    assert (again["id"], again["resent"]) == (file["id"], 1)
    assert service.stop() == 0
    answer = service.command("resend", file["id"], "--reason", "once more")
    assert answer.returncode == 0
    answer = service.command("resend", file["id"], "--reason", "and again")
    assert answer.returncode == 1
    assert "under way already" in answer.stderr
    service.start()
    service.wait_for(lambda: len(service.uploads()) == 3, "it went out once more")
    first, *others = (path.read_bytes() for path in service.uploads())
    assert others == [first, first]


def test_what_alma_fetches_is_seen_and_told(service: Service) -> None:
    service.configure({"guard": {"first_load": "deliver"}, "pickup": {"interval": "1s"}})
    service.start()
    service.drop("a.xml", _people(60))
    service.wait_for_states("archived")
    (path,) = service.uploads()
    assert service.files()[0]["pickup"] == "waiting"
    path.rename(path.with_name(f"{path.name}.old"))
    service.wait_for(lambda: service.files()[0]["pickup"] == "picked_up", "it was fetched")
    assert service.metric('last_pickup_timestamp_seconds{stream="patrons"}') > 0
    assert "Delivered, fetched by Alma" in service.get("/").decode()
    status = service.command("status")
    assert status.returncode == 0
    service.stop()
    service.start()
    assert service.metric('last_pickup_timestamp_seconds{stream="patrons"}') > 0


def test_a_newer_file_supersedes_the_held_one(service: Service) -> None:
    service.configure({"guard": {"first_load": "deliver", "max_drop": "20%"}})
    service.start()
    service.drop("students.xml", _people(60))
    service.wait_for_states("archived")
    service.drop("students.xml", _people(10))
    service.wait_for_states("archived", "held")
    service.drop("students.xml", _people(61))
    files = service.wait_for_states("archived", "superseded", "archived")
    assert len(service.zips()) == 2
    service.wait_for(lambda: not list(service.inbox.glob("held/*")), "held is empty")
    (folder,) = service.data.glob(f"archive/*/*/*/{files[1]['id']}")
    assert unzip(folder / f"{files[1]['id']}.zip")[1] == _people(10).encode()


def test_rehearsal_uploads_nothing_and_says_so(service: Service) -> None:
    service.configure({"mode": "rehearse"})
    service.start()
    service.drop("students.xml", _people(60))
    (file,) = service.wait_for_states("archived")
    assert file["rehearsed"] is True
    assert service.zips() == []
    assert service.metric('files_total{outcome="delivered",stream="patrons"}') == 0
    assert service.stop() == 0

    service.configure({"mode": "deliver"})
    service.start()
    service.drop("students.xml", _people(60))
    service.wait_for_states("archived", "archived")
    assert len(service.zips()) == 1


def test_killed_in_the_middle_of_an_upload_it_delivers_once(service: Service) -> None:
    """SIGKILL while bytes travel: after the restart one zip stands there, and nothing else."""
    service.start()
    service.drop("students.xml", bulky(2_000))
    service.wait_for(service.is_uploading, "upload begun", every=0.001)
    service.sshd.pause()
    service.kill()
    service.sshd.resume()
    (left,) = service.zips()
    assert left.name.startswith(".")

    service.start()
    (file,) = service.wait_for_states("archived")
    (delivered,) = service.zips()
    assert delivered.name == file["remote_name"]
    (folder,) = service.data.glob(f"archive/*/*/*/{file['id']}")
    assert delivered.read_bytes() == (folder / f"{file['id']}.zip").read_bytes()
    assert not list((service.data / "outgoing").iterdir())
    assert not list((service.inbox / ".sisdrop" / "work").iterdir())


def test_sigterm_ends_in_good_order_and_the_next_start_goes_on(service: Service) -> None:
    service.sshd.pause()
    try:
        service.start()
        service.drop("students.xml", _people(60))
        service.wait_for(
            lambda: service.files() and service.files()[0]["state"] in {"queued", "delivering"},
            "on its way",
        )
        assert service.stop() == 0
    finally:
        service.sshd.resume()
    service.start()
    service.wait_for_states("archived")
    assert len(service.zips()) == 1


def test_a_second_instance_stands_by_and_takes_over(service: Service, tmp_path: Path) -> None:
    """The new pod waits for the old one's lock, alive and not ready."""
    service.start()
    first = service.process
    assert first is not None
    second = Service.__new__(Service)
    second.__dict__ = dict(service.__dict__)
    second.url = "http://127.0.0.1:" + str(free_port())
    second.config = tmp_path / "second.yaml"
    second.configure({})
    with service.log_file.open("ab") as log:
        second.process = subprocess.Popen(
            [SISDROP, "run", "--config", str(second.config)], stderr=log
        )
    try:
        second.wait_for(lambda: _status(second, "/livez") == 200, "it is alive")
        assert _status(second, "/readyz") == 503
        assert second.metric("leader") == 0
        assert service.stop() == 0
        second.wait_for(lambda: _status(second, "/readyz") == 200, "it took over")
        assert second.metric("leader") == 1
    finally:
        second.kill()


def _status(service: Service, path: str) -> int:
    try:
        service.get(path)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
    return 200


def test_faulty_records_are_left_out_and_the_rest_arrives(service: Service) -> None:
    people = patrons(60)
    good = [user(person) for person in people]
    broken = good.copy()
    broken[7] = user(Patron(primary_id="T900001", expiry="31/05/2030"))
    broken.append(user(people[3]))
    service.start()
    service.drop("students.xml", users(*broken))
    (file,) = service.wait_for_states("archived")
    assert file["records"] == {
        "total": 61,
        "delivered": 59,
        "left_out": 1,
        "duplicates": 1,
        "yielded": 0,
        "warned": 0,
    }
    (delivered,) = service.zips()
    content = unzip(delivered)[1].decode()
    assert "T900001" not in content
    assert [content.count(record) for record in good] == [1] * 7 + [0] + [1] * 52
