"""Memory of the project's own processes, sampled while something runs."""

import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

EVERY_S = 0.5


class Peak:
    """Samples the proportional set size (proc(5), smaps_rollup) of this process and its Python descendants.

    Compilers, QEMU and PostgreSQL are not ours and not counted, nor are processes with the word `apart` in their
    command line: what the measurement itself does in one of its own. `mb` is the highest sum seen.
    """

    def __init__(self, root: int, *, apart: bytes | None = None) -> None:
        self._apart = apart
        self.mb = 0.0
        self.parts: dict[str, float] = {}
        self._root = root
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        """Start sampling."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sampling."""
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(EVERY_S):
            parts: dict[str, float] = {}
            for pid in descendants(self._root):
                with contextlib.suppress(OSError, StopIteration):
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    if b"python" in words[0] and not (self._apart and self._apart in b" ".join(words)):
                        name = " ".join(word.decode("utf-8", "replace") for word in words[1:4])
                        parts[name] = parts.get(name, 0.0) + _pss_mb(pid)
            if sum(parts.values()) > self.mb:
                self.mb, self.parts = sum(parts.values()), parts


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


def descendants(root: int) -> set[int]:
    """Return a process and all that came of it and lives."""
    parents: dict[int, int] = {}
    for process in filter(str.isdigit, (one.name for one in Path("/proc").iterdir())):
        with contextlib.suppress(OSError):
            stat = Path("/proc", process, "stat").read_text()
            parents[int(process)] = int(stat.rpartition(")")[2].split()[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return found
