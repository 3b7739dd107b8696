"""Whole archives on disk: the git epochs of a public-inbox (public-inbox-v2-format(5)), and mailboxes (mbox(5)).

A public-inbox over HTTP is mirrored first, one bare repository an epoch, as public-inbox-clone(1) does. Mails come in
the order in which the archive got them.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, BinaryIO, cast

from app.domain.message import last_mail_at, split_mbox
from app.errors import InfrastructureError, NotFoundError, SubmissionError

MOST_EPOCHS = 1000
BLOCK = 4 << 20
LONGEST_MAIL = 64 << 20
"""Bytes of a mailbox without the beginning of another mail after which it is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail and how far the archive has been read with it: the commit in its epoch (of a mailbox: None)."""

    epoch: int
    commit: str | None
    raw: bytes


class PublicInbox:
    """The epochs of a public-inbox v2, `folder/git/N.git`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def epochs(self) -> list[int]:
        """Return the numbers of the epochs at hand, ascending."""
        names = (each.name.removesuffix(".git") for each in (self._folder / "git").glob("*.git"))
        return sorted(int(name) for name in names if name.isdecimal())

    def read(self, epoch: int, after: str | None) -> Iterator[Mail]:
        """Yield the mails of an epoch, those that came after a commit; all of them where it is no more part of it.

        Mails that the archive took out again are left out.

        Raises:
            InfrastructureError: git cannot read the epoch; says git's words.
        """
        repository = self._folder / "git" / f"{epoch}.git"
        if not self._has_commits(repository):
            return
        known = after is not None and self._holds(repository, after)
        span = f"{after}..HEAD" if known else "HEAD"
        log = _git(repository, "log", "--reverse", "--format=%H:m %H", span)
        blobs = _git(repository, "cat-file", "--batch=%(objecttype) %(objectsize) %(rest)")
        with _piped(log, blobs) as output:
            while heading := output.readline():
                words = heading.split()
                if words[0] != b"blob":
                    continue  # "HASH:m missing": the mail was taken out of the archive
                raw = output.read(int(words[1]) + 1)[:-1]
                yield Mail(epoch=epoch, commit=words[2].decode("ascii"), raw=raw)

    def _has_commits(self, repository: Path) -> bool:
        return _is(repository, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")

    def _holds(self, repository: Path, commit: str) -> bool:
        return _is(repository, "merge-base", "--is-ancestor", commit, "HEAD")


class Mailbox:
    """An mbox, plain or gzip; it is one epoch, and always read from its beginning."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def epochs(self) -> list[int]:
        """Return the one there is."""
        return [0]

    def read(self, epoch: int, after: str | None) -> Iterator[Mail]:
        """Yield its mails.

        Raises:
            SubmissionError: the file cannot be read, or is a gzip that is cut off.
        """
        del after
        try:
            with _opened(self._file) as file:
                for raw in _mails(file):
                    yield Mail(epoch=epoch, commit=None, raw=raw)
        except (OSError, EOFError, gzip.BadGzipFile) as error:
            raise SubmissionError(f"{self._file} cannot be read: {error}") from error


def open_archive(place: str, cache_dir: Path) -> PublicInbox | Mailbox:
    """Return the archive at a path, or at a URL after its mirror below `cache_dir` was brought up to date.

    Raises:
        NotFoundError: there is neither a public-inbox v2 nor a mailbox.
        InfrastructureError: the archive cannot be fetched now; says git's words.
    """
    if place.startswith(("http://", "https://")):
        return PublicInbox(_mirrored(place.rstrip("/"), cache_dir / "inboxes"))
    path = Path(place)
    if path.is_file():
        return Mailbox(path)
    if list((path / "git").glob("[0-9]*.git")):
        return PublicInbox(path)
    what = "is no public-inbox v2 (there is no git/0.git in it)" if path.is_dir() else "is not there"
    raise NotFoundError(f"{place} {what}; give the folder or URL of a public-inbox v2, or a mailbox")


def _mirrored(url: str, folder: Path) -> Path:
    """Clone the epochs that are new, and fetch the newest of those at hand: only that one still grows."""
    home = folder / hashlib.sha256(url.encode()).hexdigest()[:20]
    (home / "git").mkdir(parents=True, exist_ok=True)
    have = PublicInbox(home).epochs()
    for epoch in range(have[-1] if have else 0, MOST_EPOCHS):
        target = home / "git" / f"{epoch}.git"
        if target.exists():
            _call("git", "--git-dir", str(target), "fetch", "--quiet", "--prune", "origin")
        elif not _clone(f"{url}/{epoch}", target, first=epoch == 0):
            break
    return home


def _clone(url: str, target: Path, *, first: bool) -> bool:
    """Clone one epoch; False when there is none of that number."""
    try:
        _call("git", "ls-remote", "--quiet", "--exit-code", url, "HEAD")
    except InfrastructureError:
        if first:
            raise
        return False
    coming = target.with_suffix(".coming")
    shutil.rmtree(coming, ignore_errors=True)
    _call("git", "clone", "--quiet", "--mirror", url, str(coming))
    coming.rename(target)
    return True


def _opened(file: Path) -> BinaryIO:
    with file.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", gzip.open(file, "rb")) if packed else file.open("rb")


def _mails(file: BinaryIO) -> Iterator[bytes]:
    """Yield the mails of an mbox, holding a few megabytes of it and whatever its longest mail needs."""
    held = b""
    while block := file.read(BLOCK):
        held += block
        end = last_mail_at(held)
        if end:
            yield from split_mbox(held[:end])
            held = held[end:]
        elif len(held) > LONGEST_MAIL:
            yield from split_mbox(held)
            held = b""
    yield from split_mbox(held)


def _git(repository: Path, *words: str) -> list[str]:
    return ["git", "--git-dir", str(repository), *words]


@contextmanager
def _piped(first: list[str], second: list[str]) -> Iterator[IO[bytes]]:
    """Yield what comes out of two commands in a row; both have ended well, or are killed, when the block is left."""
    with (
        tempfile.TemporaryFile() as said,
        Popen(first, stdout=PIPE, stderr=said, env=_environment()) as source,
        Popen(second, stdin=source.stdout, stdout=PIPE, stderr=said, env=_environment()) as sink,
    ):
        assert source.stdout is not None
        assert sink.stdout is not None
        source.stdout.close()  # the second command holds it: it learns when the first one ends, and the other way round
        try:
            yield sink.stdout
        except BaseException:
            source.kill()
            sink.kill()
            raise
        if source.wait() or sink.wait():
            said.seek(0)
            words = said.read()[-500:].decode("utf-8", "replace").strip()
            raise InfrastructureError(f"{' '.join(first)} failed: {words}")


def _call(*command: str) -> None:
    done = subprocess.run(command, env=_environment(), capture_output=True, check=False)
    if done.returncode:
        words = done.stderr[-500:].decode("utf-8", "replace").strip()
        raise InfrastructureError(f"{' '.join(command)} failed: {words or f'exit status {done.returncode}'}")


def _is(repository: Path, *words: str) -> bool:
    return (
        subprocess.run(_git(repository, *words), env=_environment(), capture_output=True, check=False).returncode == 0
    )


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",  # no settings of a user, and no passwords asked for
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
