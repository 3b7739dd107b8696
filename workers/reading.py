"""The reading of mails as a process of its own does it: this module is all that such a process imports."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.message import Message, parse_message


def read_mails(raws: Sequence[bytes]) -> list[Message]:
    """Read mails, and leave out what they came as: whoever asks has that."""
    return [replace(parse_message(raw), raw=b"") for raw in raws]
