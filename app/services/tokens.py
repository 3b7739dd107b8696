"""Bearer tokens: shown once, kept as a SHA-256."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Token
from app.errors import NotFoundError, SubmissionError

PREFIX = "reroll_"
LONGEST = 200
USED_PRECISION = timedelta(minutes=1)
"""`last_used_at` is written no more often than this."""


def create(session: Session, name: str) -> str:
    """Insert a token and return it, for the only time in plain.

    Raises:
        SubmissionError: the name is empty, too long, or taken by another token.
    """
    name = name.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise SubmissionError(f"a token's name has 1 to {LONGEST} printable characters, not {len(name)}")
    if session.scalar(select(Token.id).where(Token.name == name)) is not None:
        raise SubmissionError(f"there is a token named {name!r} already; revoked ones keep their names")
    plain = PREFIX + secrets.token_urlsafe(32)
    session.add(Token(name=name, digest=digest(plain)))
    session.flush()
    return plain


def revoke(session: Session, name: str) -> None:
    """Refuse a token from now on.

    Raises:
        NotFoundError: no token has this name.
    """
    token = session.scalar(select(Token).where(Token.name == name))
    if token is None:
        raise NotFoundError(f"there is no token named {name!r}")
    token.revoked_at = token.revoked_at or datetime.now(UTC)


def authenticate(session: Session, bearer: str) -> Token | None:
    """Return the token that `bearer` is, if it is one that is not revoked.

    It is looked up by its digest: what the time of the answer tells is about a SHA-256 that nobody can steer.
    """
    if not bearer.isascii() or len(bearer) > LONGEST:
        return None
    token = session.scalar(select(Token).where(Token.digest == digest(bearer), Token.revoked_at.is_(None)))
    now = datetime.now(UTC)
    if token is not None and (token.last_used_at is None or now - token.last_used_at > USED_PRECISION):
        token.last_used_at = now
    return token


def digest(plain: str) -> str:
    """Return what is stored of a token: the SHA-256 as hex. 32 random bytes need neither salt nor stretching."""
    return hashlib.sha256(plain.encode()).hexdigest()
