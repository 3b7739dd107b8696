"""A small kernel tree to clone from, and how git is called on it."""

import os
import subprocess
from pathlib import Path

from app.config import TreeSettings

ENV = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{
        f"GIT_{who}_{key}": value
        for who in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", "Ann"), ("EMAIL", "a@x"))
    },
    "GIT_AUTHOR_DATE": "1700000000 +0100",
    "GIT_COMMITTER_DATE": "1700000000 +0100",
}


LINES = "".join(f"line {number}\n" for number in range(40))


class Upstream:
    """A repository such as a tree's URL names, and mails made in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self("init", "-q", "-b", "master")
        self.write("a.c", LINES)
        self.write("sub/b.c", LINES)
        self.base = self.commit("first")
        self.tree = TreeSettings(name="t", url=str(folder), ref="master")

    def __call__(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.folder, env=ENV, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)

    def commit(self, subject: str, body: str = "") -> str:
        self("add", "-A")
        self("commit", "-q", "-m", f"{subject}\n\n{body}")
        return self("rev-parse", "HEAD")

    def mails(self, since: str) -> list[bytes]:
        """One mail a commit after `since`, without the line that makes an mbox of it; back to `since`."""
        count = int(self("rev-list", "--count", f"{since}..HEAD"))
        found = [self("format-patch", "--stdout", "-1", f"HEAD~{back}") for back in range(count - 1, -1, -1)]
        self("reset", "-q", "--hard", since)
        return [mail.partition("\n")[2].encode() + b"\n" for mail in found]

    def series(self) -> list[bytes]:
        """Two patches of a.c."""
        self.write("a.c", LINES.replace("line 3\n", "line three\n"))
        self.commit("one")
        self.write("a.c", LINES.replace("line 3\n", "line three\n").replace("line 30\n", "line thirty\n"))
        self.commit("two")
        return self.mails(self.base)
