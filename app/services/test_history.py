"""How tests fell out lately: on unpatched trees, base by base, and with patches."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.db.models import Run, Test
from app.db.queries.history import MOST_RUNS, Seen, on_patched, on_unpatched
from app.db.queries.results import TestRef
from app.db.queries.tests import passed_and_failed
from app.domain.flake import History
from app.domain.ignoring import Ignore
from app.domain.outcome import TestKey
from app.services.ignoring import in_force_for
from app.services.precedents import WINDOW, histories, trees_like

MOST_SEEN = 400
MOST_ORDINALS = 20
"""Of a name that a suite gives to many tests, as many are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBase:
    """What the test did on one unpatched tree; `seen` are the results, the oldest first."""

    commit: str
    prerequisites: int
    seen: tuple[Seen, ...]

    @property
    def failures(self) -> int:
        """How many failed."""
        return sum(one.outcome.failed for one in self.seen)

    @property
    def last(self) -> Seen:
        """The newest result."""
        return self.seen[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class InProfile:
    """What the test, or of several results of its name the one of that `ordinal`, did in one tree and profile.

    `history` is what a judge reads: the newest MOST_RUNS results of trees with no patch applied first, those of `last`
    among them on the base seen last; `older` counts the others. `bases` have all results, MOST_SEEN, with patches first
    or without, the base seen last first.
    """

    tree: str
    profile: str
    ordinal: int
    history: History
    older: int
    last: tuple[Seen, ...]
    bases: tuple[OnBase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestHistory:
    """What the test did since then; `failed` and `ran` count the own boots of revisions' runs.

    `ignored` are the entries in force that cover it, in some tree or profile.
    """

    __test__ = False  # pytest: not a test case

    since: datetime
    profiles: tuple[InProfile, ...]
    failed: int
    ran: int
    ignored: tuple[Ignore, ...]


def load_history(session: Session, test: Test, *, now: datetime) -> TestHistory:
    """Return what a test did within the window that judges look at."""
    since = now - WINDOW
    seen = on_unpatched(session, [test.id], since=since, most=MOST_SEEN, ordinals=MOST_ORDINALS)
    by_profile: dict[tuple[str, str, int], list[Seen]] = defaultdict(list)
    for one in seen:
        by_profile[one.tree, one.profile, one.ref[1]].append(one)
    failed, ran = on_patched(session, test.id, since=since)
    key = TestKey(suite=test.suite, name=test.name)
    return TestHistory(
        since=since,
        profiles=tuple(_in_profile(*where, found) for where, found in sorted(by_profile.items())),
        failed=failed,
        ran=ran,
        ignored=tuple(in_force_for(session, key, now=now)),
    )


def flaky_on_base(session: Session, refs: Collection[TestRef], *, run: Run, now: datetime) -> dict[TestRef, History]:
    """Return the history, on trees like a run's, of those tests that are flaky there, and were of late anywhere."""
    suspects = passed_and_failed(session, {test_id for test_id, _ in refs})
    if not suspects:
        return {}
    since = now - WINDOW
    seen = on_unpatched(session, suspects, since=since, like=trees_like(session, run), ordinals=MOST_ORDINALS)
    found = histories(seen)
    return {ref: found[ref] for ref in refs if ref in found and found[ref].flaky}


def _in_profile(tree: str, profile: str, ordinal: int, seen: Sequence[Seen]) -> InProfile:
    by_base: dict[tuple[str, tuple[str, ...]], list[Seen]] = defaultdict(list)
    for one in seen:
        by_base[one.base_commit, one.prerequisites].append(one)
    bases = [
        OnBase(commit=commit, prerequisites=len(first), seen=tuple(found)) for (commit, first), found in by_base.items()
    ]
    bases.sort(key=lambda base: base.last.run_id, reverse=True)
    plain = [one for one in seen if not one.prerequisites]
    newest = plain[-MOST_RUNS:]
    return InProfile(
        tree=tree,
        profile=profile,
        ordinal=ordinal,
        history=histories(newest).get(seen[0].ref, History()),
        older=max(0, len(plain) - MOST_RUNS),
        last=tuple(one for one in newest if one.base_commit == newest[-1].base_commit),
        bases=tuple(bases),
    )
