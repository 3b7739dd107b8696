"""Mails into one mbox, in the form that public-inbox and git read back without loss (mboxrd)."""

import re
from collections.abc import Iterable, Iterator, Sequence

from fastapi.responses import StreamingResponse

from app.db.queries.threads import raw_messages
from app.db.session import Sessions

BATCH = 20
MEDIA_TYPE = "application/mbox"
_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
SEPARATOR = b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"
"""What public-inbox and git put between mails; only its first five bytes mean anything."""


def mboxrd(mails: Iterable[bytes]) -> bytes:
    """Join mails; every line that looks like a separator, quoted ones too, gets one more `>`."""
    return b"".join(SEPARATOR + _escaped(mail) + b"\n" for mail in mails)


def _escaped(mail: bytes) -> bytes:
    text = _FROM.sub(rb">\1", mail.replace(b"\r\n", b"\n"))
    return text if text.endswith(b"\n") else text + b"\n"


def download(sessions: Sessions, message_pks: Sequence[int], name: str) -> StreamingResponse:
    """Return mails as an mbox to be saved, read some at a time, so that none of them pile up in memory."""

    def batches() -> Iterator[bytes]:
        for at in range(0, len(message_pks), BATCH):
            # A reader on a slow line must not hold a connection to the database.
            with sessions() as session:
                mails = mboxrd(raw_messages(session, message_pks[at : at + BATCH]))
            yield mails

    headers = {"Content-Disposition": f'attachment; filename="{name}.mbox"'}
    return StreamingResponse(batches(), media_type=MEDIA_TYPE, headers=headers)
