"""Evidence as stored by workers of any version."""

from typing import Any

import pytest
from hypothesis import given

from app.web.evidence import named, read_evidence, stopped_at
from tests.web.anyjson import objects

KEYS = (
    "apply",
    "build",
    "errors",
    "events",
    "not_built",
    "reasons",
    "since",
    "previous",
    "patch",
    "position",
    "fixed",
    "key",
)


@given(objects(KEYS))
def test_any_json_can_be_read(stored: dict[str, Any]) -> None:
    read_evidence(stored)
    named(stored)
    stopped_at(stored)


@pytest.mark.parametrize(
    ("stored", "position"),
    [
        ({}, None),
        ({"apply": {"position": 2}}, 2),
        ({"apply": {"position": "2"}}, None),
        ({"build": {"errors": [{"patch": None}, {"patch": 3}]}}, 3),
        ({"build": {"errors": [{"patch": True}]}}, None),
    ],
)
def test_where_a_revision_stopped(stored: dict[str, Any], position: int | None) -> None:
    assert stopped_at(stored) == position


def test_the_judges_reasons_are_shown_unless_something_else_shows_them() -> None:
    reasons = [
        {"text": "the base is broken", "key": None, "excerpt": "ld: no such file"},
        {"text": "BUG: here", "key": None, "excerpt": "BUG: here"},
        {"text": "panic: BUG: here", "key": None, "excerpt": "BUG: here"},
        {"text": "a test", "key": {"name": "a"}, "excerpt": "x"},
        {"text": "no excerpt", "key": None, "excerpt": ""},
    ]
    events = [{"kind": "BUG", "title": "BUG: here", "excerpt": "BUG: here"}]
    shown = read_evidence({"reasons": reasons, "events": events}).reasons
    assert [one.name for one in shown] == ["the base is broken"]
    assert read_evidence({"reasons": reasons, "apply": {"position": 1}}).reasons == []


def test_what_became_of_the_tests_since_the_revision_before() -> None:
    key = {"suite": "test_progs", "name": "bpf_iter/ksym", "ordinal": 0}
    since = read_evidence({"previous": "v3", "since": {"fixed": [key], "broken": [], "still_broken": None}}).since
    assert since is not None
    assert (since.label, since.fixed, since.broken, since.still_broken) == ("v3", ["bpf_iter/ksym"], [], [])
    assert read_evidence({"previous": "v3", "since": None}).since is None
