"""Taking whole archives in: mails read in one process, understood and stored in another, a transaction a batch.

How far an archive has been read is stored with each batch, so that it goes on from there after whatever stopped it.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.db.models import Inbox
from app.db.session import Sessions
from app.domain.message import Message
from app.services.ingest import MailCache, take_in
from workers.adapters.inbox import Mail, open_archive
from workers.reading import read_mails

MAILS = 800
BYTES = 8 << 20
"""A batch ends with whichever comes first; memory follows the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an archive has been taken in, by this call; `series` are those that the last batch may have changed."""

    mails: int
    epoch: int
    series: Sequence[int]


def ingest_archive(
    sessions: Sessions, place: str, *, cache_dir: Path, tell: Callable[[Progress], None] = lambda _: None
) -> int:
    """Take in what is new in a public-inbox v2 (folder or URL) or a mailbox; return how many mails were read.

    Raises:
        NotFoundError: there is no archive at `place`.
        SubmissionError: a mailbox cannot be read.
        InfrastructureError: the archive cannot be fetched or read now; what was stored before stays.
    """
    archive = open_archive(place, cache_dir)
    cache, total = MailCache(), 0
    with sessions() as session:
        done = dict(session.execute(select(Inbox.epoch, Inbox.commit).where(Inbox.place == place)).all())
    epochs = [each for each in archive.epochs() if each >= max(done, default=0)]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as reader:
        mails = chain.from_iterable(archive.read(each, done.get(each)) for each in epochs)
        for batch, messages in _read_ahead(reader, _batches(mails)):
            with sessions.begin() as session:
                series = take_in(session, messages, thread_id=None, cache=cache)
                _note(session, place, batch)
            total += len(batch)
            tell(Progress(mails=total, epoch=batch[-1].epoch, series=series))
    return total


def _batches(mails: Iterator[Mail]) -> Iterator[list[Mail]]:
    batch: list[Mail] = []
    size = 0
    for mail in mails:
        batch.append(mail)
        size += len(mail.raw)
        if len(batch) >= MAILS or size >= BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read_ahead(
    reader: ProcessPoolExecutor, batches: Iterator[list[Mail]]
) -> Iterator[tuple[list[Mail], list[Message]]]:
    """Yield each batch with its mails read, while the reader is at the next one; never more than two are held."""
    ahead: tuple[list[Mail], Future[list[Message]]] | None = None
    for batch in chain(batches, (None,)):
        coming = (batch, reader.submit(read_mails, [mail.raw for mail in batch])) if batch is not None else None
        if ahead is not None:
            before, messages = ahead
            yield before, [replace(one, raw=mail.raw) for mail, one in zip(before, messages.result(), strict=True)]
        ahead = coming


def _note(session: Session, place: str, batch: Sequence[Mail]) -> None:
    """Store how far each epoch has been read with this batch."""
    counts = Counter(mail.epoch for mail in batch)
    for epoch, last in {mail.epoch: mail for mail in batch}.items():
        insertion = upsert(Inbox).values(place=place, epoch=epoch, commit=last.commit, mails=counts[epoch])
        added = {"commit": last.commit, "mails": Inbox.mails + counts[epoch], "read_at": func.now()}
        session.execute(insertion.on_conflict_do_update(index_elements=[Inbox.place, Inbox.epoch], set_=added))
