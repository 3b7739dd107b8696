"""What a machine's two ports say about its life while it lives, in memory that does not grow."""

import time
from dataclasses import dataclass, field

from app.domain.guest_stream import MARK
from workers.ports import Ending, Sink

PANIC = b"Kernel panic - not syncing"
_READY = MARK + b'{"event":"ready"}'
_DONE = MARK + b'{"event":"done"}'
MOST_BYTES = 256 * 1024**2
"""All tests with all their verifier logs are a tenth of this; a guest that writes on and on is ended."""
RESET_S = 10.0
"""A machine that panicked and does not reset, as `panic=-1` asks, is ended after this."""
_OVERLAP = 64


@dataclass(slots=True, kw_only=True)
class Watch:
    """Passes the ports on to their sinks and notes when the machine came up, spoke last, panicked, finished."""

    console_sink: Sink
    results_sink: Sink
    started: float = field(default_factory=time.monotonic)
    ready_at: float | None = None
    spoke_at: float = field(default_factory=time.monotonic)
    console_heard: bool = False
    panicked: bool = False
    done: bool = False
    heard_bytes: int = 0
    _console_tail: bytes = b""
    _results_tail: bytes = b""

    def console(self, data: bytes) -> None:
        """Take bytes of the console."""
        data = self._within_limit(data)
        self.console_heard = True
        if self.ready_at is None or self.panicked:
            # Later a result is what counts: a kernel that hangs may complain of it for ever.
            self.spoke_at = time.monotonic()
        seen = self._console_tail + data
        self.panicked = self.panicked or PANIC in seen
        self._console_tail = seen[-_OVERLAP:]
        self.console_sink(data)

    def results(self, data: bytes) -> None:
        """Take bytes of the results port."""
        data = self._within_limit(data)
        self.spoke_at = time.monotonic()
        seen = self._results_tail + data
        if self.ready_at is None and _READY in seen:
            self.ready_at = self.spoke_at
        self.done = self.done or _DONE in seen
        self._results_tail = seen[-_OVERLAP:]
        self.results_sink(data)

    def overdue(self, *, boot_s: float, silence_s: float, total_s: float) -> Ending | None:
        """Return the limit that has passed, if any."""
        now = time.monotonic()
        if self.heard_bytes > MOST_BYTES:
            return Ending.OUTPUT_LIMIT
        if self.ready_at is None:
            return Ending.NO_BOOT if now - self.started > boot_s else None
        if self.panicked and now - self.spoke_at > RESET_S:
            return Ending.PANIC
        if now - self.started > total_s:
            return Ending.TIME_LIMIT
        return Ending.SILENT if now - self.spoke_at > silence_s else None

    def _within_limit(self, data: bytes) -> bytes:
        left = max(MOST_BYTES - self.heard_bytes, 0)
        self.heard_bytes += len(data)
        return data[:left]

    def ending(self) -> Ending:
        """Return how a machine ended that ended by itself."""
        if self.panicked:
            return Ending.PANIC
        if self.done:
            return Ending.FINISHED
        return Ending.NO_BOOT if self.ready_at is None else Ending.DIED

    @property
    def booted_s(self) -> float | None:
        """Seconds from the start to userspace."""
        return None if self.ready_at is None else self.ready_at - self.started
