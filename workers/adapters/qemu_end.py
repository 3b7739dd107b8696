"""Whose doing a machine's end is: the guest's, or something that was done to QEMU.

A guest that dies resets its machine, and with `-no-reboot` QEMU exits with 0 then. QEMU also exits with 0 when it is
told to end (SIGTERM, SIGINT, SIGHUP), and says so; every other end from outside shows in its exit code.
"""

import contextlib
from pathlib import Path

from workers.ports import Ending

_TOLD_TO_END = b"terminating on signal"
_KVM_GAVE_UP = (b"KVM internal error", b"KVM: entry failed", b"error: kvm run failed")
_BY_ITSELF = {Ending.NO_BOOT, Ending.DIED}
_STOOD_STILL = {Ending.NO_BOOT, Ending.SILENT}
_STOPPED = {"T", "t"}
MOST_PATIENCE = 2.0
"""How many times a limit is added to it at most, for time that the host did not give."""


def trouble(ending: Ending, code: int | None, words: bytes) -> str | None:
    """Return why an end is trouble of ours, in words; None where it is the guest's own.

    Args:
        ending: what the ports say.
        code: QEMU's exit code (128 and more: killed by a signal); None while it lives, its time being over.
        words: what QEMU itself said.
    """
    said = words.decode(errors="replace").strip()
    if ending in _BY_ITSELF and code is not None:
        if code:
            return f"ended by itself ({code}); it said: {said}"
        if _TOLD_TO_END in words:
            return f"was told to end; it said: {said}"
    if ending in _STOOD_STILL and any(one in words for one in _KVM_GAVE_UP):
        return f"gave up; it said: {said}"
    return None


class Patience:
    """What a machine's threads wait for a CPU of the host: time that its guest did not have, and is not held to."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._mark: float | None = None
        self._before: dict[Path, int] = {}

    def waited_s(self, since: float) -> float:
        """Return seconds that the thread worst off has waited for a CPU since `since` was first given.

        All that a thread has waited which was not there then: a busy host lets QEMU begin late.
        The second number of `schedstat` (Documentation/scheduler/sched-stats.rst) is in nanoseconds.
        """
        now = {place: waited for place in _threads(self._pid) if (waited := _run_delay(place)) is not None}
        if since != self._mark:
            self._mark, self._before = since, now
        return max((waited - self._before.get(place, 0) for place, waited in now.items()), default=0) / 1e9

    def stopped(self) -> bool:
        """Whether a process of the machine was stopped (SIGSTOP, a debugger)."""
        return any(_state(place) in _STOPPED for place in _threads(self._pid))


def _threads(pid: int) -> list[Path]:
    """Return the folders in /proc of all threads of a process and its descendants."""
    found: list[Path] = []
    waiting = [pid]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}/task")
        with contextlib.suppress(OSError):
            for thread in folder.iterdir():
                found.append(thread)
                waiting += [int(word) for word in (thread / "children").read_text().split()]
    return found


def _run_delay(thread: Path) -> int | None:
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int((thread / "schedstat").read_text().split()[1])
    return None


def _state(thread: Path) -> str:
    with contextlib.suppress(OSError, IndexError):
        return (thread / "stat").read_text().rpartition(")")[2].split()[0]
    return ""
