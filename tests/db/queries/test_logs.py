"""Logs by the byte."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.db.models import Step
from app.db.queries import logs
from app.domain.outcome import Step as StepName
from tests import factories as make

LOG = b"".join(b"line %d\n" % number for number in range(500))


@pytest.fixture
def step(session: Session) -> Step:
    step = make.add_step(session, make.add_run(session), StepName.BUILD)
    make.add_log(session, step, "build", LOG, piece=333)
    make.add_log(session, step, "other", b"x")
    return step


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(start=st.integers(0, len(LOG) + 10), length=st.integers(0, 1200))
def test_any_range_is_what_the_log_has_there(session: Session, step: Step, start: int, length: int) -> None:
    read = b"".join(logs.read_log(session, step.id, "build", start, start + length))
    assert read == LOG[start : start + length]


def test_sizes_are_those_of_the_plain_text(session: Session, step: Step) -> None:
    found = {line.name: line.size for line in logs.list_logs(session, [step.id])}
    assert found == {"build": len(LOG), "other": 1}
    assert logs.log_size(session, step.id, "none") is None


@pytest.mark.parametrize(("lines", "first"), [(1, b"line 499\n"), (3, b"line 497\n"), (5000, b"line 0\n")])
def test_a_tail_starts_at_a_line(session: Session, step: Step, lines: int, first: bytes) -> None:
    start = logs.tail_start(session, step.id, "build", lines, 1_000_000)
    assert LOG[start:].startswith(first)


def test_a_tail_is_bounded_in_bytes_too(session: Session, step: Step) -> None:
    assert logs.tail_start(session, step.id, "build", 5000, 100) == len(LOG) - 100
