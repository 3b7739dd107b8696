"""A PostgreSQL of our own: the system's binaries, a folder of ours, a Unix socket that only we can reach.

Used when no DATABASE_URL is set, and by the tests. The server never listens on TCP. PostgreSQL refuses to run as root,
so as root it runs as the system user `postgres`, which Debian's package makes.
"""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from app.errors import InfrastructureError

USER = "reroll"
DATABASE = "reroll"
SERVER_ACCOUNT = "postgres"
START_LIMIT_S = 60
SOCKET_PATH_LIMIT = 100
"""sun_path is 108 bytes (unix(7)), and the server appends its own file name."""


def find_binaries() -> Path:
    """Return the folder of the newest PostgreSQL server on this system.

    Raises:
        InfrastructureError: there is none; says how to get it.
    """
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    raise InfrastructureError(
        "no PostgreSQL server found; install Debian's `postgresql` (or your system's), or set DATABASE_URL"
    )


class Cluster:
    """One PostgreSQL cluster under `root`: `data/` and `socket/`."""

    def __init__(self, root: Path, *, options: Sequence[str] = ()) -> None:
        self.data = root / "data"
        self.socket = root / "socket"
        self._root = root
        self._options = tuple(options)
        self._binaries = find_binaries()
        if len(str(self.socket)) > SOCKET_PATH_LIMIT:
            raise InfrastructureError(f"{self.socket} is too long for a Unix socket; choose a shorter state_dir")

    def url(self, database: str = DATABASE) -> str:
        """Return the URL of one database of this cluster."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.socket), safe='')}"

    def initialise(self) -> None:
        """Make the cluster if it is not there yet; a half-made one (no PG_VERSION) is made again."""
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        for folder in (self._root, self.data, self.socket):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.data, self.socket):
            folder.chmod(0o700)
        if os.geteuid() == 0:
            account = pwd.getpwnam(SERVER_ACCOUNT)
            os.chown(self.data, account.pw_uid, account.pw_gid)
            os.chown(self.socket, account.pw_uid, account.pw_gid)
        self._call("initdb", "-D", str(self.data), "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")

    def command(self) -> list[str]:
        """Return the server's command line; it stays in the foreground and ends with its parent."""
        server = [str(self._binaries / "postgres"), "-D", str(self.data), "-k", str(self.socket)]
        for option in ("listen_addresses=", "max_connections=200", *self._options):
            server += ["-c", option]
        return [*self._as_server_account("--pdeathsig", "INT"), *server]

    def ready(self) -> bool:
        """Tell whether the server answers."""
        probe = [str(self._binaries / "pg_isready"), "-q", "-h", str(self.socket), "-U", USER, "-t", "2"]
        return subprocess.run(probe, check=False, capture_output=True).returncode == 0

    def wait_ready(self, server: "subprocess.Popen[bytes] | None" = None) -> None:
        """Return when the server answers.

        Raises:
            InfrastructureError: it ended, or did not answer within a minute.
        """
        deadline = time.monotonic() + START_LIMIT_S
        while not self.ready():
            if server is not None and server.poll() is not None:
                raise InfrastructureError(f"PostgreSQL in {self.data} ended at once with {server.returncode}")
            if time.monotonic() > deadline:
                raise InfrastructureError(f"PostgreSQL in {self.data} does not answer after {START_LIMIT_S} s")
            time.sleep(0.1)

    def create_database(self, name: str = DATABASE) -> None:
        """Create the database if it is not there yet."""
        listing = self._call(
            "psql", "-h", str(self.socket), "-U", USER, "-Atc", "SELECT datname FROM pg_database", "postgres"
        )
        if name not in listing.split():
            self._call("createdb", "-h", str(self.socket), "-U", USER, name)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Yield the URL of the database, with the server started for the while if it was not running."""
        if self.ready():
            yield self.url()
            return
        self.initialise()
        log = self._root / "server.log"
        with log.open("ab") as sink:
            server = subprocess.Popen(self.command(), stdout=sink, stderr=sink, start_new_session=True)
        try:
            self.wait_ready(server)
            self.create_database()
            yield self.url()
        finally:
            server.send_signal(2)
            server.wait(START_LIMIT_S)

    def _as_server_account(self, *extra: str) -> list[str]:
        if os.geteuid() != 0:
            return ["setpriv", *extra] if extra else []
        return ["setpriv", "--reuid", SERVER_ACCOUNT, "--regid", SERVER_ACCOUNT, "--clear-groups", *extra]

    def _call(self, tool: str, *arguments: str) -> str:
        command = [*self._as_server_account(), str(self._binaries / tool), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise InfrastructureError(f"{tool} failed ({done.returncode}): {done.stderr.strip()[-2000:]}")
        return done.stdout
