"""The demo's archive is a real public-inbox, and what is added is served at once."""

import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.demo.archive import Archive
from app.domain.message import parse_message, split_mbox
from app.errors import InfrastructureError
from tests.mails import mail

pytestmark = pytest.mark.tools


def thread(archive: Archive, message_id: str) -> list[str]:
    answer = httpx.get(f"{archive.origin}/{message_id}/t.mbox.gz")
    assert answer.status_code == 200
    return sorted(parse_message(each).message_id for each in split_mbox(gzip.decompress(answer.content)))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with Archive(tmp_path_factory.mktemp("inbox")).serving() as archive:
        yield archive


def test_added_mails_are_served_in_their_thread_at_once(archive: Archive) -> None:
    cover, patch = mail("c@example.org", "[PATCH 0/1] a"), mail("p@example.org", "b", reply_to="c@example.org")
    assert archive.add(cover, patch) == 2
    assert thread(archive, "c@example.org") == ["c@example.org", "p@example.org"]

    assert archive.add(mail("late@example.org", "Re: b", reply_to="p@example.org")) == 1
    assert thread(archive, "c@example.org") == ["c@example.org", "late@example.org", "p@example.org"]


def test_the_same_message_id_is_taken_once(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.make()

    one = mail("x@example.org", "one")

    assert archive.add(one, one) == 1
    assert archive.add(one.replace(b"\n", b"\r\n")) == 0
    assert archive.holds("x@example.org")
    assert not archive.holds("y@example.org")


def test_a_mail_keeps_its_lines_that_begin_with_from_and_loses_the_separator(archive: Archive) -> None:
    plain = mail("f@example.org", "lines", "From here on\n>From there\nend\n")
    archive.add(b"From somebody Mon Mar  2 09:00:00 2026\n" + plain)

    answer = httpx.get(f"{archive.origin}/f@example.org/t.mbox.gz")

    assert [parse_message(each).body for each in split_mbox(gzip.decompress(answer.content))] == [
        "From here on\n>From there\nend\n"
    ]


def test_search_finds_a_mail_added_while_serving(archive: Archive) -> None:
    assert httpx.post(f"{archive.origin}/?x=m&q=s:zebra").status_code == 404
    archive.add(mail("zebra@example.org", "zebra crossing"))

    # The signal to look again is handled in the server's own time.
    deadline = time.monotonic() + 5
    while (found := httpx.post(f"{archive.origin}/?x=m&q=s:zebra")).status_code == 404 and time.monotonic() < deadline:
        time.sleep(0.05)

    assert b"<zebra@example.org>" in gzip.decompress(found.content)


def test_an_inbox_is_served_again_with_what_was_in_it(tmp_path: Path) -> None:
    with Archive(tmp_path).serving() as archive:
        archive.add(mail("a@example.org", "one"))
        first = archive.origin
    with Archive(tmp_path).serving() as archive:
        assert archive.origin != first
        assert thread(archive, "a@example.org") == ["a@example.org"]


def test_the_server_dies_with_whoever_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from app.demo.archive import Archive\n"
        "with Archive(Path(sys.argv[1])).serving() as archive: print(archive.origin, flush=True); time.sleep(20)"
    )
    with subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        origin = owner.stdout.readline().strip()
        httpx.get(f"{origin}/")
        os.kill(owner.pid, signal.SIGKILL)

    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{origin}/")
        except httpx.TransportError:
            return
        time.sleep(0.05)
    pytest.fail(f"{origin} still answers")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with Archive(tmp_path / "first").serving() as running:
        port = int(running.origin.split(":")[2].split("/")[0])
        with pytest.raises(InfrastructureError, match=rf"cannot listen on 127.0.0.1:{port}: something else does"):
            Archive(tmp_path / "second", port=port).serving().__enter__()
