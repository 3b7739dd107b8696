"""Whole archives: a real public-inbox, a mailbox; only what is new, and nothing twice after whatever stopped it."""

import gzip
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from app.db.models import Inbox, Message, Revision
from app.demo.archive import Archive
from app.demo.child import free_port
from app.domain.message import parse_message, split_mbox
from app.errors import InfrastructureError, NotFoundError, SubmissionError
from workers import archive as workers_archive
from workers.archive import ingest_archive

pytestmark = pytest.mark.tools
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "thread"


def mails_of(*versions):
    return [raw for version in versions for raw in split_mbox((EXAMPLE / f"v{version}.mbox").read_bytes())]


def stored(sessions):
    with sessions() as session:
        return set(session.scalars(select(Message.message_id)))


def ids(raws):
    return {parse_message(raw).message_id for raw in raws}


@pytest.fixture
def inbox(tmp_path):
    archive = Archive(tmp_path / "inbox", port=free_port())
    archive.make()
    return archive


def folder_of(archive):
    return str(next(each.parent.parent for each in archive.root.rglob("0.git")))


def test_a_public_inbox_is_taken_in_and_then_only_what_is_new(inbox, sessions, tmp_path):
    inbox.add(*mails_of(1, 2))
    folder = folder_of(inbox)
    assert ingest_archive(sessions, folder, cache_dir=tmp_path) == len(mails_of(1, 2))
    assert stored(sessions) == ids(mails_of(1, 2))
    assert ingest_archive(sessions, folder, cache_dir=tmp_path) == 0
    inbox.add(*mails_of(3, 4))
    assert ingest_archive(sessions, folder, cache_dir=tmp_path) == len(mails_of(3, 4))
    with sessions() as session:
        labels = session.scalars(select(Revision.label).order_by(Revision.position)).all()
        (progress,) = session.scalars(select(Inbox)).all()
    assert labels == ["v1", "v2", "v3", "v4"]
    assert (progress.place, progress.epoch, progress.mails) == (folder, 0, len(mails_of(1, 2, 3, 4)))


def test_a_url_is_mirrored_and_the_mirror_kept_up(inbox, sessions, tmp_path):
    with inbox.serving():
        inbox.add(*mails_of(1))
        assert ingest_archive(sessions, inbox.origin, cache_dir=tmp_path / "cache") == len(mails_of(1))
        inbox.add(*mails_of(2))
        assert ingest_archive(sessions, inbox.origin, cache_dir=tmp_path / "cache") == len(mails_of(2))
    assert stored(sessions) == ids(mails_of(1, 2))


def test_what_stopped_it_costs_the_batch_at_hand_and_doubles_nothing(inbox, sessions, tmp_path, monkeypatch):
    inbox.add(*mails_of(1, 2))
    monkeypatch.setattr(workers_archive, "MAILS", 10)

    def stop(progress):
        if progress.mails >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest_archive(sessions, folder_of(inbox), cache_dir=tmp_path, tell=stop)
    assert len(stored(sessions)) == 20
    left = len(mails_of(1, 2)) - 20
    assert ingest_archive(sessions, folder_of(inbox), cache_dir=tmp_path) == left
    assert stored(sessions) == ids(mails_of(1, 2))


def test_a_commit_that_takes_a_mail_out_is_no_mail(inbox, sessions, tmp_path):
    mails = mails_of(1)
    inbox.add(*mails)
    git = ["git", "--git-dir", f"{folder_of(inbox)}/git/0.git"]
    branch = subprocess.check_output([*git, "symbolic-ref", "HEAD"], text=True).strip()
    taken_out = (  # as public-inbox-v2-format(5) has it: the file `d` in the place of `m`
        f"commit {branch}\ncommitter a <a@example.org> 1800000000 +0000\ndata 2\nrm\nfrom {branch}^0\n"
        f"D m\nM 100644 inline d\ndata {len(mails[-1])}\n"
    )
    subprocess.run([*git, "fast-import", "--quiet"], input=taken_out.encode() + mails[-1] + b"\n", check=True)
    assert int(subprocess.check_output([*git, "rev-list", "--count", "HEAD"])) == len(mails) + 1
    assert ingest_archive(sessions, folder_of(inbox), cache_dir=tmp_path) == len(mails)
    assert stored(sessions) == ids(mails)


@pytest.mark.parametrize("packed", [False, True])
def test_a_mailbox_is_taken_in_and_read_in_pieces(sessions, tmp_path, monkeypatch, packed):
    monkeypatch.setattr("workers.adapters.inbox.BLOCK", 5000)
    data = b"".join((EXAMPLE / f"v{version}.mbox").read_bytes() for version in (1, 2))
    box = tmp_path / "list.mbox"
    box.write_bytes(gzip.compress(data) if packed else data)
    assert ingest_archive(sessions, str(box), cache_dir=tmp_path) == len(mails_of(1, 2))
    assert stored(sessions) == ids(mails_of(1, 2))
    assert ingest_archive(sessions, str(box), cache_dir=tmp_path) == len(mails_of(1, 2))
    with sessions() as session:
        assert session.scalar(select(func.count(Message.id))) == len(mails_of(1, 2))


def test_a_mail_that_came_through_two_lists_is_one_message_of_both(sessions, tmp_path):
    (mail,) = mails_of(1)[:1]
    boxes = []
    for name in ("bpf", "netdev"):
        boxes.append(tmp_path / name)
        boxes[-1].write_bytes(b"List-Id: <%s.vger.kernel.org>\n" % name.encode() + mail)
        ingest_archive(sessions, str(boxes[-1]), cache_dir=tmp_path)
    with sessions() as session:
        (row,) = session.scalars(select(Message)).all()
    assert row.lists == ["bpf.vger.kernel.org", "netdev.vger.kernel.org"]


def test_of_two_copies_the_one_that_lost_less_is_kept_whichever_came_first(sessions, tmp_path):
    clean = next(raw for raw in mails_of(1) if b" 1/8]" in raw)
    mangled = clean.replace(b"\n-- \n", b"\n_______________\nlist mailing list\nlist@lists.example.org\n")
    for copies in ((mangled, clean), (clean, mangled)):
        for at, raw in enumerate(copies):
            box = tmp_path / f"{at}.eml"
            box.write_bytes(raw)
            ingest_archive(sessions, str(box), cache_dir=tmp_path)
        with sessions() as session:
            (row,) = session.scalars(select(Message).options(undefer(Message.raw))).all()
        assert row.raw == clean
        assert row.body == parse_message(clean).body


def test_what_is_no_archive_is_said(sessions, tmp_path):
    with pytest.raises(NotFoundError, match="is no public-inbox v2"):
        ingest_archive(sessions, str(tmp_path), cache_dir=tmp_path)
    with pytest.raises(NotFoundError, match="is not there"):
        ingest_archive(sessions, str(tmp_path / "none"), cache_dir=tmp_path)
    with pytest.raises(InfrastructureError, match="ls-remote"):
        ingest_archive(sessions, "http://127.0.0.1:9/bpf", cache_dir=tmp_path)
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b"From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\n" + bytes(range(256)) * 99)[:200])
    with pytest.raises(SubmissionError, match="cannot be read"):
        ingest_archive(sessions, str(cut), cache_dir=tmp_path)


def test_an_epoch_that_was_written_anew_is_read_again(inbox, sessions, tmp_path):
    inbox.add(*mails_of(1))
    folder = folder_of(inbox)
    ingest_archive(sessions, folder, cache_dir=tmp_path)
    with sessions.begin() as session:
        session.scalars(select(Inbox)).one().commit = "0" * 40
    assert ingest_archive(sessions, folder, cache_dir=tmp_path) == len(mails_of(1))
    assert len(stored(sessions)) == len(mails_of(1))
