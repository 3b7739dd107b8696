"""Patches -> mails: committed with git upon the files as the base has them, and posted as git-send-email(1) does."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from tests.harms.series import Edit, Patch

LIST = "bpf-example@lists.example.org"
POSTED = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
BLURB = "*** BLURB HERE ***"


def post(
    name: str,
    title: str,
    author: str,
    patches: Sequence[Patch],
    texts: Mapping[str, str],
    *,
    trailer: str = "",
) -> list[bytes]:
    """Return a series as mails, the cover letter first; its Message-ID is `message_id(name, 0)`.

    A single patch has no cover letter, and that Message-ID itself.

    `texts` are the files of the base that the patches touch. `trailer` is a line for the cover letter's end.
    """
    address = f"{author} <{author.split(maxsplit=1)[0].lower()}@example.org>"
    with tempfile.TemporaryDirectory(prefix="reroll-posting-") as folder:
        written = _format(Path(folder), patches, texts, author=address)
    mails = []
    for number, text in enumerate(written):
        header, _, body = text.partition("\n\n")
        subject = _subject(header).replace("*** SUBJECT HERE ***", title)
        if not number and len(patches) > 1:
            blurb = "Each patch says for itself why it is wanted."
            body = body.replace(BLURB, f"{blurb}\n\n{trailer}" if trailer else blurb)
        mails.append(_mail(name, number, address, subject, body))
    return mails


def message_id(name: str, number: int) -> str:
    """Return the Message-ID of patch `number`, 0 for the cover letter."""
    return f"20261102090000.4711-{number}-{name}@example.org"


def paths_of(patches: Sequence[Patch]) -> list[str]:
    """Return the files that have to be there for `post`: those that an edit does not make."""
    made = {edit.path for patch in patches for edit in patch.edits if _makes(edit)}
    return sorted({path for patch in patches for path in patch.paths} - made)


def _makes(edit: Edit) -> bool:
    return not edit.before and edit.after is not None


def _format(folder: Path, patches: Sequence[Patch], texts: Mapping[str, str], *, author: str) -> list[str]:
    """Commit the patches one by one; return what git format-patch writes for them."""
    git = _Git(folder, author)
    git("init", "--quiet", "--initial-branch=main")
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git("add", "--all", "--force")
    git("commit", "--quiet", "--message=base")
    for patch in patches:
        for edit in patch.edits:
            _apply(folder, edit, patch.subject)
        git("add", "--all", "--force")
        git("commit", "--quiet", "--signoff", f"--message={patch.subject}", f"--message={patch.message}")
    options = ["--zero-commit", "--no-thread", "--signature=2.47.3", "--full-index"]
    options += ["--cover-letter", "--numbered"] if len(patches) > 1 else []
    git("format-patch", *options, "--subject-prefix=PATCH bpf-next", "-o", "out", f"-{len(patches)}")
    return [path.read_text() for path in sorted((folder / "out").iterdir())]


def _apply(folder: Path, edit: Edit, subject: str) -> None:
    path = folder / edit.path
    if edit.after is None:
        path.unlink()
        return
    before = path.read_text() if path.exists() else ""
    if edit.before:
        if before.count(edit.before) != 1:
            raise ValueError(
                f"{subject!r}: {edit.path} has {before.count(edit.before)} places that read {edit.before!r}"
            )
    elif path.exists():
        raise ValueError(f"{subject!r} makes {edit.path}, which is there")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(before.replace(edit.before, edit.after) if edit.before else edit.after)


class _Git:
    """Calls git in a repository, as one author, with no configuration of this host."""

    def __init__(self, folder: Path, author: str) -> None:
        name, _, address = author.partition(" <")
        who = {"NAME": name, "EMAIL": address.rstrip(">"), "DATE": "2026-11-02T08:00:00+0000"}
        self._folder = folder
        self._env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
        self._env |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}

    def __call__(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self._folder, env=self._env, check=True, capture_output=True)


def _subject(header: str) -> str:
    lines = header.replace("\n ", " ").splitlines()
    return next(line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: "))


def _mail(name: str, number: int, author: str, subject: str, body: str) -> bytes:
    headers = [
        f"From: {author}",
        f"To: {LIST}",
        f"Subject: {subject}",
        f"Date: {format_datetime(POSTED + timedelta(seconds=number))}",
        f"Message-ID: <{message_id(name, number)}>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=UTF-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    if number:
        first = f"<{message_id(name, 0)}>"
        headers += [f"In-Reply-To: {first}", f"References: {first}"]
    return ("\n".join(headers) + "\n\n" + body).encode()
