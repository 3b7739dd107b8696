"""Checking DKIM signatures (RFC 6376), with dkimpy; of a mail as the archive keeps it, whenever that is.

Whatever is in a mail or in a key that a stranger's domain publishes is bounded before anything is computed with it.
"""

import base64
import logging
import re
from collections.abc import Callable

import dkim  # type: ignore[import-untyped]
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]
from dkim.util import InvalidTagValueList, parse_tag_value  # type: ignore[import-untyped]

from app.domain.attestation import Check, Scheme, Signature

MAX_SIGNATURES = 5
MAX_HEADER = 4096
"""Bytes of one signature's header."""
MAX_KEY = 2048
"""Bytes of a key's record: a larger RSA key would take seconds to compute with."""

Resolve = Callable[[str], bytes | None]
"""The TXT record of a name, None where there is none. Raises NoDnsError."""

_NAME = re.compile(rb"[A-Za-z0-9]([A-Za-z0-9._-]{0,200}[A-Za-z0-9])?")
_KEY = re.compile(rb"(?:^|;)\s*p\s*=\s*[^\s;]")
_BLANKS = re.compile(rb"\s+")
_COLON = re.compile(rb"\s*:\s*")
_HEADER = "the header is not what was signed"
_BODY = "the body was altered after it was signed, as by a list that adds a footer"
_quiet = logging.getLogger(f"{__name__}.library")
_quiet.disabled = True


class NoDnsError(Exception):
    """DNS gives no answer, neither yes nor no; says why."""


class _NotRightError(Exception):
    """A signature is not right, or its key is not to be had; says which of the two, and why."""

    def __init__(self, result: Check, reason: str) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


def check_dkim(raw: bytes, *, author: str, resolve: Resolve) -> list[Signature]:
    """Check the DKIM signatures of a mail, topmost first, at most `MAX_SIGNATURES`; never raises.

    `author` is the address of the From header. A signature's time (`x=`) does not count: the archive took the mail when
    it came. One that leaves an end of the body unsigned (`l=`) counts only if there is none.
    """
    try:
        mail = dkim.DKIM(raw, logger=_quiet)
    except Exception:  # noqa: BLE001 - the library stumbles over broken headers in its own ways
        return []
    headers = [(name, value) for name, value in mail.headers if name.lower() == b"dkim-signature"]
    return [_check(mail, header, author, resolve) for header in headers[:MAX_SIGNATURES]]


def _check(mail: "dkim.DKIM", header: tuple[bytes, bytes], author: str, resolve: Resolve) -> Signature:
    signer, result, reason = "", Check.PASS, ""
    try:
        fields = _fields(header[1])
        signer = fields[b"d"].decode("ascii").lower()
        _verify_body(mail, fields)
        _set_key(mail, fields, resolve)
        _verify(mail, header, fields)
    except _NotRightError as error:
        result, reason = error.result, error.reason
    except NoDnsError as error:
        result, reason = Check.UNCHECKED, f"no DNS: {error}"
    except (dkim.DKIMException, ValueError, KeyError) as error:
        result, reason = Check.FAIL, f"it cannot be read: {_plain(error)}"
    except Exception as error:  # noqa: BLE001 - whatever a hostile header does to the library
        result, reason = Check.FAIL, f"it cannot be read: {type(error).__name__}"
    domain = author.rpartition("@")[2].lower()
    by_author = bool(signer) and (domain == signer or domain.endswith(f".{signer}"))
    return Signature(scheme=Scheme.DKIM, signer=signer, result=result, by_author=by_author, reason=reason)


def _fields(value: bytes) -> dict[bytes, bytes]:
    """Read a signature's tags.

    Raises:
        ValueError: it is too long, or names no domain and selector as DNS has them.
        dkim.DKIMException: it is no DKIM signature.
    """
    if len(value) > MAX_HEADER:
        raise ValueError(f"it is longer than {MAX_HEADER} bytes")
    try:
        fields: dict[bytes, bytes] = parse_tag_value(value)
    except InvalidTagValueList as error:
        raise ValueError("it is no list of tags") from error
    fields.pop(b"x", None)
    if not all(_NAME.fullmatch(fields.get(name, b"")) for name in (b"d", b"s")):
        raise ValueError("it names no domain")
    dkim.validate_signature_fields(fields)
    return fields


def _verify_body(mail: "dkim.DKIM", fields: dict[bytes, bytes]) -> None:
    """Compare the body with its hash, which takes no key: that it was altered can be said without DNS."""
    policy = CanonicalizationPolicy.from_c_value(fields.get(b"c", b"simple/simple"))
    body = policy.canonicalize_body(mail.body)
    signed = body[: int(fields[b"l"])] if b"l" in fields else body
    if dkim.HASH_ALGORITHMS[fields[b"a"]](signed).digest() != base64.b64decode(_BLANKS.sub(b"", fields[b"bh"])):
        raise _NotRightError(Check.FAIL, _BODY)
    if len(signed) < len(body):
        raise _NotRightError(Check.FAIL, f"it leaves the last {len(body) - len(signed)} bytes of the body open (l=)")


def _set_key(mail: "dkim.DKIM", fields: dict[bytes, bytes], resolve: Resolve) -> None:
    """Get the signer's key and give it to `mail`."""
    selector = fields[b"s"].decode()
    name = f"{selector}._domainkey.{fields[b'd'].decode()}".lower()
    record = resolve(name)
    if record is None or not _KEY.search(record):
        raise _NotRightError(Check.NO_KEY, f"the domain publishes no key {selector} any more")
    if len(record) > MAX_KEY:
        raise _NotRightError(Check.FAIL, f"its key is longer than {MAX_KEY} bytes")
    mail.pk, mail.keysize, mail.ktag, mail.seqtlsrpt = dkim.evaluate_pk(name, record)


def _verify(mail: "dkim.DKIM", header: tuple[bytes, bytes], fields: dict[bytes, bytes]) -> None:
    signed = [one.lower() for one in _COLON.split(fields[b"h"])]
    if fields[b"a"] == b"rsa-sha1":
        raise _NotRightError(Check.FAIL, "rsa-sha1 proves nothing any more (RFC 8301)")
    if b"from" not in signed:
        raise _NotRightError(Check.FAIL, "it does not cover the From header")
    if not mail.verify_sig_process(fields, signed, header, None):
        raise _NotRightError(Check.FAIL, _HEADER)


def _plain(error: Exception) -> str:
    """Return the library's words; what they quote of the mail is as Python writes bytes."""
    return " ".join(str(error).split())[:200]
