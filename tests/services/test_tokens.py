"""Bearer tokens."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Token
from app.errors import NotFoundError, SubmissionError
from app.services import tokens


def test_a_token_is_known_by_its_plain_form_and_stored_as_a_digest_only(session: Session) -> None:
    plain = tokens.create(session, "ann's laptop")

    found = tokens.authenticate(session, plain)

    assert found is not None
    assert found.name == "ann's laptop"
    assert found.last_used_at is not None
    stored = session.execute(select(Token.__table__)).one()
    assert plain not in {str(value) for value in stored}
    assert len(found.digest) == 64


@pytest.mark.parametrize("wrong", ["", "x", "reroll_", "ä" * 40, "\x00", "a" * 100_000])
def test_anything_else_is_no_token(session: Session, wrong: str) -> None:
    tokens.create(session, "one")
    assert tokens.authenticate(session, wrong) is None


def test_the_digest_itself_is_no_token(session: Session) -> None:
    plain = tokens.create(session, "one")
    assert tokens.authenticate(session, tokens.digest(plain)) is None


def test_a_revoked_token_is_refused_and_its_name_stays_taken(session: Session) -> None:
    plain = tokens.create(session, "one")
    tokens.revoke(session, "one")
    assert tokens.authenticate(session, plain) is None
    with pytest.raises(SubmissionError, match="already"):
        tokens.create(session, "one")


@pytest.mark.parametrize("name", ["", "   ", "a" * 201, "a\nb", "nul\x00"])
def test_a_token_needs_a_printable_name(session: Session, name: str) -> None:
    with pytest.raises(SubmissionError, match="printable"):
        tokens.create(session, name)


def test_revoking_what_is_not_there_is_an_error(session: Session) -> None:
    with pytest.raises(NotFoundError, match="no token named 'nobody'"):
        tokens.revoke(session, "nobody")
