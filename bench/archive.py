"""A whole archive by `reroll ingest`: mails a second as it grows, and the memory of all our processes."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from sqlalchemy import text

from app.db.embedded import Cluster
from app.db.migrate import upgrade
from app.db.session import make_engine
from bench.memory import Peak
from bench.synthetic import archive, some_threads

PIECES = 10
AROUND_TEN_THOUSAND = (5_000, 15_000)
EVERY_S = 0.2


def measure_archive(*, mails: int) -> None:
    """Make a public-inbox of so many mails, take it in with a fresh database, and print what that took."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="rb-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        console.print(f"archive: making {mails} mails out of {some_threads()[1]}")
        _make_epoch(folder / "inbox" / "git" / "0.git", mails)
        cluster = Cluster(folder / "db")
        with cluster.running():
            cluster.create_database("archive")
            engine = make_engine(cluster.url("archive"))
            upgrade(engine)
            engine.dispose()
            _ingest(cluster.url("archive"), folder, mails, console)


def _make_epoch(repository: Path, mails: int) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(repository)], check=True)
    command = ["git", "--git-dir", str(repository), "fast-import", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as importing:
        assert importing.stdin is not None
        for number, raw in enumerate(archive(mails)):
            heading = f"commit HEAD\ncommitter a <a@example.org> {1_700_000_000 + number} +0000\ndata 0\n"
            importing.stdin.write(f"{heading}M 100644 inline m\ndata {len(raw)}\n".encode() + raw + b"\n")
    if importing.returncode:
        raise SystemExit("git fast-import failed")


def _ingest(url: str, folder: Path, mails: int, console: Console) -> None:
    environment = os.environ | {"DATABASE_URL": url, "REROLL_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "app.cli", "ingest", str(folder / "inbox")]
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment) as running, Peak(running.pid) as peak:
        growth = _Growth(url, mails)
        running.wait()
        took = time.perf_counter() - started
        growth.stop()
    if running.returncode:
        raise SystemExit(f"reroll ingest failed: {running.returncode}")
    console.print(f"archive: {mails} mails in {took:.0f} s: {mails / took:.0f} mails/s, start-up included")
    console.print(f"  by tenths of the archive: {', '.join(f'{rate:.0f}' for rate in growth.rates())} mails/s")
    if mails >= 10 * AROUND_TEN_THOUSAND[1]:
        first, last = growth.rate(*AROUND_TEN_THOUSAND), growth.rate(mails - mails // PIECES, mails)
        console.print(f"  with ten thousand stored: {first:.0f} mails/s; with {mails}: {last:.0f} ({last / first:.2f})")
    shown = ", ".join(f"{size:.0f} MB {' '.join(name.split())[:40]}" for name, size in peak.parts.items())
    console.print(f"  peak memory of our processes: {peak.mb:.0f} MB ({shown})")


class _Growth:
    """Notes when each tenth of the mails was stored."""

    def __init__(self, url: str, mails: int) -> None:
        self._url, self._mails = url, mails
        self._seen: list[tuple[float, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take the last sample."""
        self._stop.set()
        self._thread.join()

    def rates(self) -> list[float]:
        """Return mails a second for each tenth; at least one."""
        rates, (since, before) = [], self._seen[0]
        for when, stored in self._seen:
            if stored - before >= self._mails / PIECES or (stored, rates) == (self._mails, []):
                rates.append((stored - before) / (when - since))
                since, before = when, stored
        return rates

    def rate(self, since: int, until: int) -> float:
        """Return mails a second from when `since` mails were stored until `until` were."""
        first, last = (next(one for one in self._seen if one[1] >= stored) for stored in (since, until))
        return (last[1] - first[1]) / (last[0] - first[0])

    def _sample(self) -> None:
        engine = make_engine(self._url)
        last = False
        while not last:
            last = self._stop.wait(EVERY_S)
            with engine.connect() as connection:
                stored = connection.scalar(text("SELECT coalesce(sum(mails), 0) FROM inboxes"))
            self._seen.append((time.perf_counter(), int(stored or 0)))
        engine.dispose()
