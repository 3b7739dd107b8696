"""Tests that people said to ignore for a while: which failures that covers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from app.domain.outcome import TestKey

FEWEST_LETTERS = 3
"""A pattern names something: `*` alone would ignore every failure there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Failures of `pattern` are ignored until `expires_at`, for a `reason`, with an `owner` who sees to it.

    `pattern` is a test's name, where `*` stands for any characters and `?` for one; a test's name covers its subtests.
    `suite`, `tree` and `profile` narrow it; None is any.
    """

    id: int
    pattern: str
    suite: str | None
    tree: str | None
    profile: str | None
    reason: str
    owner: str
    expires_at: datetime

    @property
    def words(self) -> str:
        """The entry in short, to follow "ignored": "until 2026-12-01, ann@example.org sees to it: flakes under TCG"."""
        return f"until {self.expires_at:%Y-%m-%d}, {self.owner} sees to it: {self.reason}"

    def names(self, key: TestKey) -> bool:
        """Tell whether the entry is about this test, in whichever tree and profile."""
        if self.suite not in {None, key.suite}:
            return False
        return any(_compiled(self.pattern).fullmatch(name) for name in (key.name, key.name.partition("/")[0]))

    def covers(self, key: TestKey, *, tree: str, profile: str) -> bool:
        """Tell whether a failure of this test is ignored."""
        return self.tree in {None, tree} and self.profile in {None, profile} and self.names(key)


def ignored(entries: Iterable[Ignore], keys: Iterable[TestKey], *, tree: str, profile: str) -> Mapping[TestKey, Ignore]:
    """Return of these tests the ignored ones, each with the entry that says so: of several the one that lasts longest.

    `entries` are those in force.
    """
    longest = sorted(entries, key=lambda one: (one.expires_at, one.id), reverse=True)
    found: dict[TestKey, Ignore] = {}
    for key in keys:
        covering = (one for one in longest if one.covers(key, tree=tree, profile=profile))
        if first := next(covering, None):
            found[key] = first
    return found


def problem_with(pattern: str) -> str | None:
    """Return why a pattern cannot be taken, None if it can."""
    if sum(one.isalnum() for one in pattern) < FEWEST_LETTERS:
        return f"the pattern {pattern!r} names no test: beside * and ? it needs {FEWEST_LETTERS} letters or digits"
    return None


@lru_cache(1000)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Not fnmatch, to which a bracket in a test's name would be a set of characters. A piece between two stars is taken
    # where it first fits, for good (an atomic group): guests choose the names, and could have all places tried.
    first, *middle = ("".join("." if one == "?" else re.escape(one) for one in part) for part in pattern.split("*"))
    last = [f".*{middle.pop()}"] if middle else []
    return re.compile("".join([first, *(f"(?>.*?{piece})" for piece in middle), *last]), re.DOTALL)
