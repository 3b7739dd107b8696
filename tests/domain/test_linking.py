"""Linking stays linear in the number of postings; what is linked and why is in test_series."""

import time
from collections.abc import Callable

import pytest

from app.domain.linking import Reason
from app.domain.series import parse_threads
from tests.domain.threads import Thread, change

SHAPES: dict[str, Callable[[Thread, int], object]] = {
    "one title by one author": lambda thread, n: thread.post("[PATCH] bpf: One", diff=change(f"x{n}")),
    "one patch again and again": lambda thread, n: thread.post("[PATCH] bpf: One", diff=change("x")),
    "versions": lambda thread, n: thread.post(f"[PATCH v{n}] bpf: One", diff=change("x", salt=f"_{n}")),
    "one title by many": lambda thread, n: thread.post(
        "[PATCH v2] bpf: One", author=f"P{n} Q <p{n}@x>", diff=change("x")
    ),
    "one position under one cover": lambda thread, n: thread.post(
        "[PATCH 1/2] bpf: One" if n else "[PATCH 0/2] bpf: All",
        to="m0@example.org" if n else None,
        diff=change("x") if n else None,
    ),
    "covers only": lambda thread, n: thread.post("[PATCH v2 0/2] bpf: All", to="m0@example.org" if n else None),
}


def seconds(make: Callable[[Thread, int], object], count: int) -> float:
    thread = Thread()
    for number in range(count):
        make(thread, number)
    started = time.process_time()
    parse_threads(thread.messages)
    return time.process_time() - started


@pytest.mark.parametrize("make", SHAPES.values(), ids=SHAPES.keys())
def test_time_grows_with_the_number_of_postings(make: Callable[[Thread, int], object]) -> None:
    small = seconds(make, 150)
    assert seconds(make, 900) < 20 * max(small, 0.02)


def test_reasons_have_words_and_an_order() -> None:
    assert [reason.words for reason in sorted(Reason, reverse=True)] == [
        "linked by hand",
        "change-id",
        "link in the cover letter",
        "in-reply-to",
        "same author and like title",
        "similar patches",
    ]
