"""What a kernel complained of and the machines of a run, as pages show them."""

from typing import Any

import pytest
from hypothesis import given

from app.web.complaints import read_events, read_lives
from tests.web.anyjson import objects

KEYS = ("events", "lives", "life", "test", "perhaps", "killers", "cuts", "not_run", "name", "message", "count")


@given(objects(KEYS))
def test_any_json_can_be_read(stored: dict[str, Any]) -> None:
    read_events(stored)
    read_lives(stored)


@pytest.mark.parametrize(
    ("test", "perhaps", "during"),
    [
        ("bpf_iter", None, "while bpf_iter ran"),
        ("ringbuf", "queue_stack_map", "while ringbuf ran, or just before it queue_stack_map"),
        (None, "ringbuf", "after ringbuf"),
        (None, None, ""),
    ],
)
def test_which_test_ran_is_said_as_far_as_it_is_known(test: str | None, perhaps: str | None, during: str) -> None:
    event = {"kind": "WARNING", "title": "t", "excerpt": "e", "life": 2, "test": test, "perhaps": perhaps}
    (alone,) = read_events({"events": [event]})
    (one_of_two,) = read_events({"events": [event], "lives": [{}, {}]})
    assert (alone.during, alone.life, one_of_two.life) == (during, 0, 2)


def test_who_ended_a_machine_is_told_rather_than_how_its_suite_was_cut() -> None:
    lives = [
        {
            "life": 1,
            "ending": "panic",
            "tests": 31,
            "first": "bpf_iter",
            "killers": [{"suite": "test_progs", "name": "ringbuf", "message": "oops: here"}],
            "cuts": ["the kernel panicked in test_progs while it ran ringbuf"],
            "not_run": [],
        },
        {"life": 2, "ending": "died", "tests": 2, "cuts": ["the machine was reset in test_progs after x"]},
    ]
    first, second = read_lives({"lives": lives})
    assert (first.killers, first.cuts) == ([("ringbuf", "oops: here")], [])
    assert (second.killers, second.cuts) == ([], ["the machine was reset in test_progs after x"])
