"""Logs: kept as zstd pieces, read by the byte."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import zstandard
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models import LogChunk, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A log of a step: its name, and the bytes of its plain text."""

    step_id: int
    name: str
    size: int


def list_logs(session: Session, step_ids: Sequence[int]) -> Sequence[LogLine]:
    """Return the logs of some steps, by step and name."""
    sizes = (
        select(LogChunk.step_id, LogChunk.name, func.max(LogChunk.start + LogChunk.size))
        .where(LogChunk.step_id.in_(step_ids))
        .group_by(LogChunk.step_id, LogChunk.name)
        .order_by(LogChunk.step_id, LogChunk.name)
    )
    return [LogLine(step_id=step, name=name, size=size) for step, name, size in session.execute(sizes)]


def step_with_log(session: Session, run_id: int, name: str) -> int | None:
    """Return the newest step of a run that has a log of this name."""
    having = select(func.max(LogChunk.step_id)).join(Step, Step.id == LogChunk.step_id)
    return session.scalar(having.where(Step.run_id == run_id, LogChunk.name == name))


def log_size(session: Session, step_id: int, name: str) -> int | None:
    """Return how many bytes a log has; None where there is no such log."""
    end = func.max(LogChunk.start + LogChunk.size)
    return session.scalar(select(end).where(LogChunk.step_id == step_id, LogChunk.name == name))


def read_log(session: Session, step_id: int, name: str, start: int, stop: int) -> Iterator[bytes]:
    """Yield bytes `start` to `stop` (not included) of a log, a piece at a time."""
    wanted = (
        select(LogChunk.start, LogChunk.size, LogChunk.data)
        .where(
            LogChunk.step_id == step_id,
            LogChunk.name == name,
            LogChunk.start < stop,
            LogChunk.start + LogChunk.size > start,
        )
        .order_by(LogChunk.start)
        .execution_options(yield_per=8)
    )
    for at, size, data in session.execute(wanted):
        plain = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
        yield plain[max(0, start - at) : stop - at]


def packed_size(session: Session, step_id: int, name: str, stop: int) -> int:
    """Return how many bytes the pieces of a log that begin before byte `stop` take as they are kept."""
    taken = func.sum(func.octet_length(LogChunk.data))
    wanted = select(taken).where(LogChunk.step_id == step_id, LogChunk.name == name, LogChunk.start < stop)
    return session.scalar(wanted) or 0


def read_packed(session: Session, step_id: int, name: str, start: int, stop: int) -> Iterator[bytes]:
    """Yield the pieces that begin at bytes `start` to `stop` (not included) of a log, as they are kept.

    Each is a frame of Zstandard, and frames one after the other are one file of it (RFC 8878, 3.1).
    """
    wanted = (
        select(LogChunk.data)
        .where(LogChunk.step_id == step_id, LogChunk.name == name, LogChunk.start >= start, LogChunk.start < stop)
        .order_by(LogChunk.start)
        .execution_options(yield_per=8)
    )
    yield from session.scalars(wanted)


def tail_start(session: Session, step_id: int, name: str, lines: int, most: int) -> int:
    """Return the byte at which the last `lines` lines of a log start; at most `most` bytes before its end."""
    end = log_size(session, step_id, name) or 0
    floor = max(0, end - most)
    text = b"".join(read_log(session, step_id, name, floor, end))
    places = [at for at, byte in enumerate(text[:-1]) if byte == 0x0A]
    return floor + places[-lines] + 1 if len(places) >= lines else floor
