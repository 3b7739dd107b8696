"""Checking developers' own signatures, X-Developer-Signature, with patatt and the keys of one folder.

The folder is a keyring as patatt has it: `<algorithm>/<domain>/<local part>/<selector>`. Nothing else is asked, no
keyring of the user that the worker runs as, and no key server.
"""

import re

import patatt

from app.domain.attestation import Check, Scheme, Signature

MAX_SIGNATURES = 5
MAX_HEADER = 16_384
ALGORITHMS = ("ed25519", "openpgp", "openssh")

_IDENTITY = re.compile(r"[A-Za-z0-9_+=-][A-Za-z0-9._+=-]{0,63}@[A-Za-z0-9-][A-Za-z0-9.-]{0,252}")
_SELECTOR = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_PROGRAMS = {"gpg-bin": "gpg", "ssh-keygen-bin": "ssh-keygen"}


def check_patatt(raw: bytes, *, author: str, keyring: str | None) -> list[Signature]:
    """Check the developers' signatures of a mail, at most `MAX_SIGNATURES`; never raises.

    `author` is the address of the From header; without a `keyring` no key is known. Blocks while gpg(1) or
    ssh-keygen(1) runs, which it does only for keys of the keyring.
    """
    patatt.set_bin_paths(dict(_PROGRAMS))  # else the library asks git's configuration for them
    try:
        signatures = _signatures(raw)
    except Exception as error:  # noqa: BLE001 - the library stumbles over broken headers in its own ways
        return [_found("", Check.FAIL, f"it cannot be read: {type(error).__name__}", author)]
    return [_check(raw, one, author, keyring) for one in signatures[:MAX_SIGNATURES]]


def _signatures(raw: bytes) -> list[patatt.DevsigHeader]:
    mail = patatt.PatattMessage(raw)
    mail.headers = [
        header for header in mail.headers if len(header) <= MAX_HEADER or not header.lower().startswith(b"x-developer")
    ]
    return mail.get_sigs() if mail.signed else []


def _check(raw: bytes, one: patatt.DevsigHeader, author: str, keyring: str | None) -> Signature:
    identity, algorithm = "", ""
    try:
        identity, selector, algorithm = _named(one)
        if keyring is None:
            return _found(identity, Check.NO_KEY, f"{algorithm}; no keyring is set up", author)
        key, _ = patatt.get_public_key(keyring, algorithm, identity, selector)
        mail = patatt.PatattMessage(raw)
        mail.sigs = [one]
        mail.validate(identity, key)
    except KeyError:
        return _found(identity, Check.NO_KEY, f"{algorithm}; it is not in the keyring", author)
    except FileNotFoundError as error:
        return _found(identity, Check.UNCHECKED, f"{error.filename} is not installed", author)
    except Exception as error:  # noqa: BLE001 - the library's own, and whatever a hostile header does to it
        return _found(identity, Check.FAIL, _why(error), author)
    return _found(identity, Check.PASS, algorithm, author)


def _named(one: patatt.DevsigHeader) -> tuple[str, str, str]:
    """Return address, selector and algorithm; they become a path in the keyring, so nothing else is let through."""
    identity = one.get_field_as_str("i") or ""
    selector = one.get_field_as_str("s") or "default"
    algorithm = (one.get_field_as_str("a") or "").partition("-")[0]
    if algorithm not in ALGORITHMS or not _IDENTITY.fullmatch(identity) or not _SELECTOR.fullmatch(selector):
        raise ValueError("it names no address, selector and algorithm that are known")
    return identity, selector, algorithm


def _why(error: Exception) -> str:
    if isinstance(error, patatt.BodyValidationError):
        return "the patch was altered after it was signed"
    if isinstance(error, patatt.NoKeyError):
        return "it was signed with another key than the keyring has"
    if isinstance(error, patatt.ValidationError):
        return "the header is not what was signed"
    return f"it cannot be read: {error if isinstance(error, ValueError) else type(error).__name__}"[:200]


def _found(identity: str, result: Check, reason: str, author: str) -> Signature:
    by_author = bool(identity) and identity.lower() == author.lower()
    shown = identity[:320].encode("utf-8", "replace").decode().replace("\0", "")
    return Signature(scheme=Scheme.PATATT, signer=shown, result=result, by_author=by_author, reason=reason)
