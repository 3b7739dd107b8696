"""Trailers and the machine-readable lines of a series."""

import time

import pytest

from app.domain.address import Address
from app.domain.trailer import MAX_TRAILERS, Declared, given, parse_declared, parse_trailers

REX = Address(name="Rex Reviewer", email="rex@example.com")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def declared(text: str) -> Declared:
    return parse_declared(f"Text.\n{text}\nMore.\n")


def test_names_are_spelled_as_git_spells_them() -> None:
    (trailer,) = parse_trailers("REVIEWED-BY:  Rex Reviewer <rex@example.com>  \n", sender=REX)
    assert (trailer.name, trailer.value, trailer.agrees) == ("Reviewed-by", "Rex Reviewer <rex@example.com>", True)
    assert trailer.person == REX


@pytest.mark.parametrize(
    "text", ["> Acked-by: A <a@x>", "I was Reviewed-by: A <a@x>", "Reviewed-by:", "Looks-good-to-me: yes"]
)
def test_what_is_no_trailer(text: str) -> None:
    assert parse_trailers(text, sender=REX) == ()


def test_what_a_reply_gives() -> None:
    text = (
        "Acked-by: A <a@x>\nCc: b@x\nSigned-off-by: A <a@x>\nBUG: KASAN: slab-out-of-bounds in f+0x1/0x2\n"
        'Bug: https://bugs.example.org/1\nBug: 4711\nFixes: 0123456789ab ("x")\n'
    )
    found = [f"{one.name} {one.value[:5]}" for one in given(parse_trailers(text, sender=REX))]
    assert found == ["Acked-by A <a@", "Bug https", "Bug 4711", "Fixes 01234"]


def test_the_same_trailer_counts_once_and_there_is_an_end() -> None:
    assert len(parse_trailers("Acked-by: A <a@x>\n" * 5, sender=REX)) == 1
    assert len(parse_trailers("".join(f"Acked-by: A <{n}@x>\n" for n in range(9999)), sender=REX)) == MAX_TRAILERS


def test_base_and_change_id() -> None:
    assert declared(f"base-commit: {COMMIT}").base_commit == COMMIT
    assert declared("change-id: 20260101-thing-0123456789ab").change_id == "20260101-thing-0123456789ab"


@pytest.mark.parametrize(
    "text",
    [
        f"> base-commit: {COMMIT}",
        f"+base-commit: {COMMIT}",
        "> change-id: x",
        "prerequisite-change-id: x",
        "Change-Id: I0123456789abcdef0123456789abcdef01234567",
        "base-commit: none",
    ],
)
def test_lines_that_only_look_like_it(text: str) -> None:
    found = declared(text)
    assert (found.base_commit, found.change_id) == (None, None)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (f"prerequisite-patch-id: {COMMIT}", "patch-id", COMMIT),
        ("prerequisite-change-id: thing:v3", "change-id", "thing:v3"),
        ("prerequisite-message-id: <a@x>", "message-id", "a@x"),
        ("Based-on: <a@x>", "message-id", "a@x"),
        ("Depends-on: https://lore.kernel.org/bpf/a@x/", "message-id", "a@x"),
    ],
)
def test_prerequisites(text: str, kind: str, value: str) -> None:
    (need,) = declared(text).prerequisites
    assert (str(need.kind), need.value) == (kind, value)


def test_time_is_linear() -> None:
    started = time.process_time()
    parse_trailers(("Reviewed-by:" + " " * 900 + "\n") * 5000, sender=REX)
    parse_declared(("change-id:" + " " * 900 + "\n") * 5000)
    assert time.process_time() - started < 4
