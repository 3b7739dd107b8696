"""Not asking an archive too often: one pace for all processes of this host."""

import asyncio
import fcntl
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from app.errors import InfrastructureError

BACK_OFF_S = 2.0
MAX_BACK_OFF_S = 60.0
MAX_WAIT_S = 300.0
"""Longer than this nobody waits here: the queue tries again later."""
MAX_CLOSED_S = 3600.0
"""No Retry-After, and no clock set back, stops this host for longer."""


class Pace:
    """The next moment at which `host` may be asked, in a file that all processes here share.

    Each takes the next free moment under a lock held for microseconds, then sleeps without it.
    """

    def __init__(self, folder: Path, *, host: str, pause: timedelta) -> None:
        self._file = folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', host)}.next"
        self._pause_s = pause.total_seconds()
        self._host = host

    async def wait_turn(self) -> None:
        """Return when it is our turn.

        Raises:
            InfrastructureError: the archive asked to be left alone for longer than we wait.
        """
        now = time.time()
        waits = self._next_turn() - now
        if waits > MAX_WAIT_S:
            raise InfrastructureError(f"{self._host} asked to be left alone for another {waits:.0f} s")
        turn = self._move(lambda free: max(free, now) + self._pause_s) - self._pause_s
        await asyncio.sleep(max(0.0, turn - time.time()))

    def back_off(self, attempt: int, retry_after: str | None) -> None:
        """Close the archive to all of us for as long as it asks (`Retry-After`), or for longer with each attempt."""
        asked_s = retry_after_seconds(retry_after, datetime.now(UTC))
        if asked_s is None:
            ceiling = min(MAX_BACK_OFF_S, BACK_OFF_S * 2 ** (attempt - 1))
            asked_s = random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, so that workers do not come back as one
        until = time.time() + min(asked_s, MAX_CLOSED_S)
        self._move(lambda free: max(free, until))

    def _next_turn(self) -> float:
        return self._move(lambda free: free)

    def _move(self, change: Callable[[float], float]) -> float:
        """Set the next free moment (seconds since the epoch) to what `change` makes of it, and return that."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a+", encoding="ascii", errors="replace") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                moved = change(_moment(file.read(64)))
                file.seek(0)
                file.truncate()
                file.write(f"{moved:.6f}")
                return moved
        except OSError as error:
            raise InfrastructureError(f"cannot keep the archive's pace in {self._file}: {error}") from error


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Return how long a `Retry-After` asks to wait: seconds or an HTTP date (RFC 9110, 10.2.3); None if neither."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def _moment(text: str) -> float:
    """Read what the file says; nonsense, or a moment that only a wrong clock can have written, counts as now."""
    try:
        moment = float(text)
    except ValueError:
        return 0.0
    return moment if moment <= time.time() + 2 * MAX_CLOSED_S else 0.0
