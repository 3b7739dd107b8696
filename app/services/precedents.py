"""What is known of a run's tests from elsewhere: how they fell out on unpatched trees, and which are ignored."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Run, Test
from app.db.queries.history import (
    Complained,
    Like,
    Seen,
    heard_on_unpatched,
    on_unpatched,
    patches_of,
    with_same_patches,
)
from app.db.queries.results import TestRef
from app.domain.console import ConsoleEvent
from app.domain.flake import History, Sighting, read_history
from app.domain.ignoring import Ignore
from app.domain.outcome import Outcome, TestKey
from app.domain.regression import Change, Observations, Side, swung
from app.services.ignoring import ignored_now

WINDOW = timedelta(days=90)
"""A release cycle and a bit: what a test did before that, it did in a tree that is not the one at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precedents:
    """What has a say beside a run's own results, test by test.

    `elsewhere` holds what tests did in other runs of the same image, where that was not always what they do here.
    """

    histories: Mapping[TestKey, History] = field(default_factory=dict)
    ignored: Mapping[TestKey, Ignore] = field(default_factory=dict)
    elsewhere: Mapping[TestKey, Observations] = field(default_factory=dict)


def find_precedents(session: Session, run_id: int, *, baseline: Side, patched: Side) -> Precedents:
    """Return what is known of the tests of a run that differ, or fail."""
    run = session.get_one(Run, run_id)
    failing = [key for key, seen in patched.items() if seen.failing and not seen.aggregate]
    differ = swung(baseline, patched)
    return Precedents(
        histories=_histories(session, run, differ),
        ignored=ignored_now(session, failing, tree=run.tree, profile=run.profile),
        elsewhere=_elsewhere(session, run, {key: patched[key] for key in {*failing, *differ}}),
    )


def _refs(session: Session, keys: Collection[TestKey]) -> dict[TestKey, TestRef]:
    rows = session.execute(select(Test.id, Test.suite, Test.name).where(Test.name.in_({key.name for key in keys})))
    ids = {(suite, name): id_ for id_, suite, name in rows}
    return {key: (ids[key.suite, key.name], key.ordinal) for key in keys if (key.suite, key.name) in ids}


def _elsewhere(session: Session, run: Run, here: Side) -> dict[TestKey, Observations]:
    """Read what tests did in other runs of the same image, where they passed and fail here, or failed and pass here."""
    refs = _refs(session, here)
    seen: dict[TestRef, list[Outcome]] = defaultdict(list)
    for test_id, ordinal, outcome in with_same_patches(session, run, {test_id for test_id, _ in refs.values()}):
        seen[test_id, ordinal].append(outcome)
    there = {key: Observations(outcomes=tuple(seen[ref])) for key, ref in refs.items()}
    return {key: one for key, one in there.items() if _other(here[key], one)}


def _other(here: Observations, there: Observations) -> bool:
    return Outcome.PASS in there.outcomes if here.failing else Outcome.PASS in here.outcomes and there.failing


def _histories(session: Session, run: Run, keys: Collection[TestKey]) -> dict[TestKey, History]:
    """Read each test's history in the same tree and profile: config and machine have a say in what flakes."""
    refs = _refs(session, keys)
    seen = on_unpatched(
        session,
        {test_id for test_id, _ in refs.values()},
        since=datetime.now(UTC) - WINDOW,
        like=trees_like(session, run),
    )
    found = histories(seen)
    return {key: found.get(ref, History()) for key, ref in refs.items()}


def trees_like(session: Session, run: Run) -> Like:
    """Say which trees have a say in a run: other people's patches excuse nobody but who builds on them."""
    first = {patches_of(run.prerequisites)}
    if run.prerequisites and run.baseline_id is not None:  # which may have fewer: those that could be applied
        first.add(patches_of(session.get_one(Run, run.baseline_id).prerequisites))
    return Like(tree=run.tree, profile=run.profile, first=first)


def histories(seen: Iterable[Seen]) -> dict[TestRef, History]:
    """Return what some results, the oldest first, say of each test."""
    by_ref: dict[TestRef, list[Sighting]] = defaultdict(list)
    for one in seen:
        by_ref[one.ref].append(Sighting(base=_base(one), outcomes=(one.outcome,)))
    return {ref: read_history(sightings) for ref, sightings in by_ref.items()}


def find_complaints(session: Session, run_id: int, events: Collection[ConsoleEvent]) -> Mapping[str, History]:
    """Return in how many runs of unpatched trees these complaints came, by fingerprint: of those that ran their test.

    As with tests, a base on which one always came was broken, and says nothing of how often it comes by itself.
    """
    if not events:
        return {}
    run = session.get_one(Run, run_id)
    heard = heard_on_unpatched(session, since=datetime.now(UTC) - WINDOW, like=trees_like(session, run))
    return {
        event.fingerprint: read_history(
            Sighting(base=_base(one), outcomes=(Outcome.FAIL if event.fingerprint in one.complaints else Outcome.PASS,))
            for one in heard
            if event.test is None or event.test in one.ran
        )
        for event in events
    }


def _base(seen: Seen | Complained) -> str:
    """Name an unpatched tree: with other prerequisites it is another."""
    return " ".join((seen.tree, seen.base_commit, seen.profile, *seen.prerequisites))


def weighed(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Return, as JSON, what had a say in changes beside the results: the evidence of a run keeps it."""
    return [
        {
            "key": asdict(one.key),
            "history": _history(one.history) if one.history else None,
            "ignore": _ignore(one.ignore) if one.ignore else None,
        }
        for one in changes
        if one.ignore or (one.history and one.history.runs)
    ]


def _history(history: History) -> dict[str, Any]:
    low, high = history.rate
    return {**asdict(history), "low": round(low, 4), "high": round(high, 4), "words": history.words}


def _ignore(ignore: Ignore) -> dict[str, Any]:
    return {**asdict(ignore), "expires_at": ignore.expires_at.isoformat()}
