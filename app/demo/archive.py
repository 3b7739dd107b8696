"""A public-inbox of our own on loopback: the software behind lore, with a few mails in it."""

import fcntl
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from app.demo.child import HOST, free_port, listening, plain_environment
from app.domain.message import parse_message
from app.errors import InfrastructureError

BRANCH = "refs/heads/master"
ARCHIVIST = "Archive <archive@example.org>"

_FROM_LINE = re.compile(rb"\A>?From [^\n]*\n")


class Archive:
    """One inbox under the folder `root`: served at `origin`, which any process here may add mails to.

    `search` False makes an inbox without full-text index, as some archives are; it matters when the inbox is made.
    """

    def __init__(self, root: Path, *, name: str = "example", port: int = 0, search: bool = True) -> None:
        self.root = root
        self._inbox = root / name
        self._name = name
        self._port = port or free_port()
        self._level = "full" if search else "basic"
        self._env = plain_environment(root, PI_CONFIG=str(root / "config"))
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        """The inbox's URL, as `lore.origin` in the settings wants it."""
        return f"http://{HOST}:{self._port}/{self._name}"

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Serve the inbox while the block runs, made first where it is not there yet.

        Raises:
            InfrastructureError: public-inbox is not installed or does not start; says what it printed.
        """
        self.make()
        self._call("git", "config", "-f", self._env["PI_CONFIG"], f"publicinbox.{self._name}.url", self.origin)
        argv = ["public-inbox-httpd", "-l", f"http://{HOST}:{self._port}", "-W0"]
        with listening(argv, port=self._port, env=self._env, log=self.root / "httpd.log") as server:
            self._server = server
            try:
                yield self
            finally:
                self._server = None

    def make(self) -> None:
        """Make an empty inbox (public-inbox-v2-format(5)) unless there is one."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not (self._inbox / "git" / "0.git" / "HEAD").exists():
            options = ("-V2", "-L", self._level, "-j1")
            address = f"{self._name}@lists.example.org"
            self._call("public-inbox-init", *options, self._name, str(self._inbox), self.origin, address)

    def add(self, *mails: bytes) -> int:
        """Put mails in; they are served when this returns. Return how many were new: a known Message-ID is left out.

        Raises:
            InfrastructureError: git or public-inbox refuses.
        """
        with (self.root / "add.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            new: dict[str, bytes] = {}
            for mail in mails:
                plain = _FROM_LINE.sub(b"", mail.replace(b"\r\n", b"\n"))
                message_id = parse_message(plain).message_id
                if not self.holds(message_id):
                    new.setdefault(message_id, plain)
            if new:
                self._import(new.values())
                self._call("public-inbox-index", "-j0", "-L", self._level, str(self._inbox))
        if new and self._server is not None:
            self._server.send_signal(signal.SIGHUP)  # else its search sees new mails only half a minute later
        return len(new)

    def holds(self, message_id: str) -> bool:
        """Tell whether the inbox has a mail with this Message-ID."""
        database = self._inbox / "xap15" / "over.sqlite3"
        if not database.exists():
            return False
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as over:
            return over.execute("SELECT 1 FROM msgid WHERE mid = ?", (message_id,)).fetchone() is not None

    def _import(self, mails: Iterable[bytes]) -> None:
        """Append one commit a mail, with the mail as the file `m`."""
        repository = str(self._inbox / "git" / "0.git")
        has_commits = subprocess.run(
            ["git", "-C", repository, "rev-parse", "-q", "--verify", BRANCH], check=False, capture_output=True
        )
        parent = b"" if has_commits.returncode else f"from {BRANCH}^0\n".encode()
        stream = bytearray()
        for mail in mails:
            stream += f"commit {BRANCH}\ncommitter {ARCHIVIST} {int(time.time())} +0000\ndata 0\n".encode() + parent
            stream += f"M 100644 inline m\ndata {len(mail)}\n".encode() + mail + b"\n"
            parent = b""
        self._call("git", "-C", repository, "fast-import", "--quiet", stdin=bytes(stream))

    def _call(self, *argv: str, stdin: bytes = b"") -> None:
        try:
            done = subprocess.run(argv, input=stdin, env=dict(self._env), check=False, capture_output=True)
        except OSError as error:
            raise InfrastructureError(f"cannot start {argv[0]} (Debian package public-inbox): {error}") from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()[-1000:]
            raise InfrastructureError(f"{argv[0]} failed ({done.returncode}) in {self.root}: {said}")
