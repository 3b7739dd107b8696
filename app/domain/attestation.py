"""Whose signatures a mail carries, and what checking them gave.

DKIM (RFC 6376) is a domain's: it says that the mail left there as it is. patatt is a developer's own, in the header
X-Developer-Signature, as `git send-email` and b4 write it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Scheme(StrEnum):
    """How a mail is signed."""

    DKIM = "DKIM"
    PATATT = "patatt"


class Check(StrEnum):
    """What checking a signature gave. NO_KEY: it is signed, but by whom cannot be told; UNCHECKED: trouble of ours."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NO_KEY = "key not known"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature. `signer` is a domain (DKIM) or an address (patatt), as the mail has it, "" where it names none.

    `by_author` says that the signer is whom the From header names: the address, or its domain or one above it.
    `reason` says why, or with which key.
    """

    scheme: Scheme
    signer: str
    result: Check
    by_author: bool
    reason: str = ""

    @property
    def words(self) -> str:
        """All of it in a line."""
        said = f" ({self.reason})" if self.reason else ""
        return f"{self.scheme} {self.signer or 'of nobody'}: {self.result}{said}"


def settled(signatures: Sequence[Signature]) -> bool:
    """Tell whether checking again would give the same: DNS answered, and no key is missing that could be added."""
    return not any(
        one.result is Check.UNCHECKED or (one.result is Check.NO_KEY and one.scheme is Scheme.PATATT)
        for one in signatures
    )


def told(signatures: Sequence[Signature]) -> Signature | None:
    """Return the one that says most of who wrote a mail, None where nothing is known.

    A developer's word goes before a domain's, and of each what was found right before what was not: a list that adds a
    footer breaks one signature and leaves the other. What others than the author signed says nothing.
    """
    order = [(scheme, result) for scheme in (Scheme.PATATT, Scheme.DKIM) for result in (Check.PASS, Check.FAIL)]
    known = [one for one in signatures if one.by_author and (one.scheme, one.result) in order]
    return min(known, key=lambda one: order.index((one.scheme, one.result)), default=None)
