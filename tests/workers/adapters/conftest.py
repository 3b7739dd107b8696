"""Folders that the sandbox's user can reach, and a look at which processes are alive."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workers.adapters import sandbox


@pytest.fixture
def place() -> Iterator[Path]:
    """Yield a folder of the build user's: pytest's own are closed to others."""
    root = Path(tempfile.mkdtemp(prefix="reroll-test-", dir="/var/tmp"))
    root.chmod(0o755)
    yield sandbox.make_folder(root / "place")
    sandbox.remove_tree(root)


def alive(word: str) -> list[str]:
    """The command lines of living processes that hold `word`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found


def until(holds: Callable[[], bool], *, within_s: float = 10) -> bool:
    """Whether `holds` becomes true in time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return holds()
