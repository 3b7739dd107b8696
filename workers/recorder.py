"""Storing what a step says while it runs: short transactions of its own, each refused once the attempt is replaced."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db.session import Sessions
from app.domain.outcome import Outcome, TestResult
from app.domain.outcome import Step as StepName
from app.errors import FencedError, InfrastructureError, RerollError, SubmissionError
from app.services import programs, records
from app.services.attempts import Claim
from app.services.records import BootKey

Returned = TypeVar("Returned")

FLUSH_EVERY_S = 1.0
REFUSED = "RR001"
"""The SQLSTATE of the trigger that refuses an attempt that has been replaced (migrations)."""


class StepRecord:
    """What one running step has said and not stored yet."""

    def __init__(self, step_id: int) -> None:
        self.step_id = step_id
        self.outcome = Outcome.PASS
        self.summary = ""
        self.detail: dict[str, Any] = {}
        self.refused: Exception | None = None
        self._logs: dict[str, _Log] = {}
        self._results: list[tuple[BootKey, TestResult]] = []

    def log(self, name: str) -> Callable[[bytes], None]:
        """Return a sink for one log of this step; what goes over the limit is dropped, and said at the end of it."""
        return self._logs.setdefault(name, _Log()).append

    def result(self, key: BootKey, result: TestResult) -> None:
        """Take one test's result."""
        self._results.append((key, result))

    def store(self, session: Session, held: Claim) -> None:
        """Store what has come in since the last time."""
        for name, log in self._logs.items():
            start, data = log.take()
            if data:
                records.append_log(session, self.step_id, name, start, data)
        results, self._results = self._results, []
        for key in dict.fromkeys(key for key, _ in results):
            records.store_results(session, held, key, [one for other, one in results if other == key])
        programs.store_costs(session, held, [one for key, one in results if key.boot == 0])


class _Log:
    """A log's bytes that are not stored yet, and how many were."""

    def __init__(self) -> None:
        self._start = 0
        self._pending = bytearray()
        self._full = False

    def append(self, data: bytes) -> None:
        if self._full:
            return
        room = records.LOG_LIMIT - self._start - len(self._pending)
        self._pending += data[:room]
        if len(data) > room:
            self._full = True
            self._pending += f"\n[cut off by Reroll at {records.LOG_LIMIT} bytes]\n".encode()

    def take(self) -> tuple[int, bytes]:
        start, data = self._start, bytes(self._pending)
        self._start += len(data)
        self._pending.clear()
        return start, data


class Recorder:
    """Stores the steps of one attempt."""

    def __init__(self, sessions: Sessions, held: Claim) -> None:
        self.held = held
        self._sessions = sessions

    @asynccontextmanager
    async def step(self, name: StepName) -> AsyncIterator[StepRecord]:
        """Run a step: its start is stored at once, its logs and results every second, its outcome at the end.

        An error decides the outcome (FAIL for a SubmissionError, MISS for trouble of ours) and is raised again.
        A cancelled step stays open: the attempt that comes next says that this one was lost. When storing fails,
        the step's work is cancelled, for nobody would read it.
        """
        record = StepRecord(self.write(lambda session: records.start_step(session, self.held, name)))
        flusher = asyncio.create_task(self._flush(record, asyncio.current_task()))
        try:
            yield record
        except asyncio.CancelledError:
            if record.refused is None:
                raise
            raise record.refused from None
        except RerollError as error:
            await _stop(flusher)
            record.outcome = Outcome.FAIL if isinstance(error, SubmissionError) else Outcome.MISS
            record.summary = record.summary or str(error)
            self._finish(record)
            raise
        except Exception as error:
            await _stop(flusher)
            record.outcome, record.summary = Outcome.MISS, f"unexpected {type(error).__name__}: {error}"
            self._finish(record)
            raise
        else:
            await _stop(flusher)
            self._finish(record)
        finally:
            flusher.cancel()

    def write(self, use: Callable[[Session], Returned]) -> Returned:
        """Call `use` in a transaction of its own.

        Raises:
            FencedError: this attempt has been replaced.
            InfrastructureError: PostgreSQL is not there.
        """
        try:
            with self._sessions.begin() as session:
                return use(session)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == REFUSED:
                raise FencedError(f"attempt {self.held.attempt} of run {self.held.run_id} was replaced") from error
            raise InfrastructureError(f"the database did not take what a step had to store: {error.orig}") from error

    def _finish(self, record: StepRecord) -> None:
        def finish(session: Session) -> None:
            record.store(session, self.held)
            records.finish_step(session, record.step_id, record.outcome, record.summary, record.detail)

        self.write(finish)

    async def _flush(self, record: StepRecord, work: "asyncio.Task[Any] | None") -> None:
        try:
            while True:
                await asyncio.sleep(FLUSH_EVERY_S)
                self.write(lambda session: record.store(session, self.held))
        except Exception as error:  # noqa: BLE001 - raised again by the step
            record.refused = error
            if work is not None:
                work.cancel()


async def _stop(flusher: "asyncio.Task[None]") -> None:
    flusher.cancel()
    await asyncio.gather(flusher, return_exceptions=True)
