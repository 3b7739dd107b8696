"""Mails into one mbox, in the form that public-inbox and git read back without loss (mboxrd)."""

import re
from collections.abc import Iterable

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
