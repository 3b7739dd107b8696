"""What tests of the web application share."""

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session

from app.services import tokens
from tests.example import Example, add_example


@pytest.fixture
def example(session: Session) -> Example:
    """Return the committed example."""
    made = add_example(session)
    session.commit()
    return made


@pytest.fixture
def bearer(session: Session) -> dict[str, str]:
    """Return the header of a request that may write."""
    plain = tokens.create(session, "the tests")
    session.commit()
    return {"Authorization": f"Bearer {plain}"}


@pytest.fixture
def app(client: object) -> FastAPI:
    """Return the application that `client` talks to."""
    application: FastAPI = client._transport.app  # type: ignore[attr-defined]
    return application
