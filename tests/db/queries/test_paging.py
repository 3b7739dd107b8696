"""Pages of lists, and patterns out of what people type."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Test
from app.db.queries.paging import Page, Window, contains, matches_glob, paginate
from tests.factories import known_test

NAMES = ("bpf_iter/task", "bpf_iter/ksym", "bpfXiter/task", "a%b", "a\\b", "Verifier_LOG")


@pytest.fixture
def named(session: Session) -> Session:
    for name in NAMES:
        known_test(session, name)
    return session


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("bpf_iter/*", {"bpf_iter/task", "bpf_iter/ksym"}),
        ("*/task", {"bpf_iter/task", "bpfXiter/task"}),
        ("bpf?iter/task", {"bpf_iter/task", "bpfXiter/task"}),
        ("a%*", {"a%b"}),
        ("a\\*", {"a\\b"}),
        ("verifier_log", {"Verifier_LOG"}),
        ("_iter", {"bpf_iter/task", "bpf_iter/ksym"}),
        ("verifier_log*", set()),
    ],
)
def test_a_glob_matches_the_whole_name_and_a_plain_word_any_part(named: Session, glob: str, found: set[str]) -> None:
    assert set(named.scalars(select(Test.name).where(matches_glob(Test.name, glob)))) == found


def test_nothing_in_a_searched_text_is_a_wildcard(named: Session) -> None:
    assert set(named.scalars(select(Test.name).where(contains(Test.name, "%")))) == {"a%b"}


def test_pages_follow_each_other_without_gap_or_overlap(named: Session) -> None:
    statement = select(Test).order_by(Test.id)
    pages = [paginate(named, statement, Window(page=number, limit=4)) for number in (1, 2, 3)]
    assert [[test.name for test in page.items] for page in pages] == [list(NAMES[:4]), list(NAMES[4:]), []]
    assert {page.total for page in pages} == {6}
    assert pages[0].pages == 2


def test_an_empty_list_has_one_page() -> None:
    assert Page(items=[], total=0, window=Window()).pages == 1
