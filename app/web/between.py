"""What became of the tests from one revision to another, as the page of the comparison shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Revision
from app.domain.outcome import TestKey
from app.domain.sentence import plural
from app.services.between import TestsBetween, compare_tests
from app.web.addresses import address_of_test
from app.web.words import Chip, Statement, Tone

BROKEN = Chip(text="broken", tone=Tone.BAD)
STILL = Chip(text="still broken", tone=Tone.BAD)
UNKNOWN = Chip(text="not known", tone=Tone.QUIET)
FIXED = Chip(text="fixed", tone=Tone.GOOD)
MOST_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenRow:
    """A test and what became of it; `why` is what it said where it failed last, which `href` leads to."""

    key: TestKey
    chip: Chip
    why: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """The section: a statement, the tests that differ or stayed broken, and what else has to be said."""

    found: TestsBetween
    statement: Statement
    rows: Sequence[BetweenRow]
    left_out: int


def between(session: Session, old: Revision, new: Revision) -> Between:
    """Compare two revisions by their tests."""
    found = compare_tests(session, old, new)
    rows = _rows(found)
    return Between(
        found=found,
        statement=_statement(found, old.label, new.label),
        rows=rows[:MOST_ROWS],
        left_out=max(0, len(rows) - MOST_ROWS),
    )


def _rows(found: TestsBetween) -> list[BetweenRow]:
    compared, old, new = found.comparison, found.old_run, found.new_run
    if compared is None or old is None or new is None:
        return []
    now = {one.key: one.reason for one in found.changes}
    was = {one.key: one.reason for one in reversed(found.changes)}  # the older run's come first
    groups = (
        (BROKEN, new, now, compared.broken),
        (STILL, new, now, compared.still_broken),
        (UNKNOWN, old, was, compared.unknown),
        (FIXED, old, was, compared.fixed),
    )
    return [
        BetweenRow(key=key, chip=chip, why=said.get(key, ""), href=address_of_test(run.id, key, key.ordinal))
        for chip, run, said, keys in groups
        for key in keys
    ]


def _statement(found: TestsBetween, old: str, new: str) -> Statement:
    compared = found.comparison
    if compared is None:
        return Statement(head="Not compared.", rest=f" {found.why_not}", tone=Tone.QUIET)
    parts = [
        (len(compared.broken), f"broken in {new}"),
        (len(compared.still_broken), "still broken"),
        (len(compared.fixed), f"fixed since {old}"),
        (len(compared.unknown), "not known"),
    ]
    told = [f"{plural(number, 'test')} {words}" for number, words in parts if number]
    if not told:
        return Statement(head="No test differs", rest=f": neither {old} nor {new} is blamed for any.", tone=Tone.GOOD)
    bad = compared.broken or compared.still_broken
    tone = Tone.BAD if bad else Tone.GOOD if compared.fixed and not compared.unknown else Tone.WARN
    return Statement(head=told[0], rest="".join(f", {one}" for one in told[1:]) + ".", tone=tone)
