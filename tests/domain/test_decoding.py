"""Frames -> lines of the source."""

import json
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from app.domain.console import ConsoleEvent, Place, scan_console
from app.domain.decoding import (
    MOST_BESIDE,
    MOST_EVENTS,
    Wanted,
    addresses,
    decoded,
    names_of,
    read_answers,
    wanted_frames,
)

OOPS = """\
[   12.3] BUG: kernel NULL pointer dereference, address: 0000000000000018
[   12.3] RIP: 0010:frob_next+0x1c/0x60
[   12.3] Call Trace:
[   12.3]  bpf_seq_read+0x1a2/0x4b0
[   12.3]  vfs_read+0xb4/0x320
[   12.3] ---[ end trace 0000000000000000 ]---
"""
SYMBOLS = (
    b"ffffffff81000100 0000000000000053 t frob_next\n"
    b"ffffffff81000900 0000000000000070 t frob_next\n"
    b"ffffffff81000a00 0000000000000013 t frob_next\n"
    b"ffffffff81001000 0000000000000421 t bpf_seq_read\n"
    b"ffffffff81002000 0000000000000320 T vfs_read\nffffffff81003000 0000000000000311 t vfs_read\n"
    b"nm: something else\n"
)


def answer(address: int, *places: tuple[str, str, int]) -> bytes:
    symbols = [{"FunctionName": name, "FileName": file, "Line": line, "Column": 1} for name, file, line in places]
    return json.dumps({"Address": hex(address), "Symbol": symbols}).encode() + b"\n"


def test_the_first_frame_is_exact_and_the_others_are_return_addresses() -> None:
    frames = wanted_frames(scan_console(OOPS))
    assert [(one.frame, one.exact) for one in frames] == [
        ("frob_next+0x1c/0x60", True),
        ("bpf_seq_read+0x1a2/0x4b0", False),
        ("vfs_read+0xb4/0x320", False),
    ]
    assert names_of(frames) == ("frob_next", "bpf_seq_read", "vfs_read")
    found = addresses(frames, SYMBOLS)
    # The static function of that size, padding included; what is there once; not what is there twice and fits twice.
    assert {one.frame: at for one, at in found.items()} == {
        "frob_next+0x1c/0x60": 0xFFFFFFFF8100011C,
        "bpf_seq_read+0x1a2/0x4b0": 0xFFFFFFFF810011A1,
    }


def test_a_trace_without_a_place_of_its_own_has_only_return_addresses() -> None:
    trace = "INFO: task x:1 blocked for more than 122 seconds.\n frob_next+0x1c/0x60\n"
    assert [one.exact for one in wanted_frames(scan_console(trace))] == [False]


def test_lines_stand_beside_their_frames_with_what_was_inlined() -> None:
    events = scan_console(OOPS)
    rip, read, _ = wanted_frames(events)
    places = {
        rip: (Place(function="deref", file="include/frob.h", line=3), Place(function="frob_next", file="f.c", line=9)),
        read: (Place(function="bpf_seq_read", file="kernel/bpf/bpf_iter.c", line=122),),
    }
    (event,) = decoded(events, places)
    lines = event.excerpt.split("\n")
    assert lines[1] == "RIP: 0010:frob_next+0x1c/0x60 (include/frob.h:3, deref inlined in frob_next at f.c:9)"
    assert lines[3] == " bpf_seq_read+0x1a2/0x4b0 (kernel/bpf/bpf_iter.c:122)"
    assert lines[4] == " vfs_read+0xb4/0x320"
    assert [one.frame for one in event.decoded] == ["frob_next+0x1c/0x60", "bpf_seq_read+0x1a2/0x4b0"]
    assert event.fingerprint == events[0].fingerprint


def test_who_had_the_memory_before_is_looked_up_for_the_excerpt_alone() -> None:
    stacks = "Allocated by task 5:\n kasan_save_stack+0x2/0x5\n frob_new+0x8/0x9 [frob]\n ? guess+0x1/0x9\n"
    head = "BUG: KASAN: slab-use-after-free in frob_next+0x1c/0x60\nCall Trace:\n frob_next+0x1c/0x60\n\n"
    events = scan_console(head + stacks + "Freed by task 5:\n kfree+0x1/0x9\nRIP: 0010:other+0x1/0x9\n" + "=" * 60)
    assert events[0].frames == ("frob_next+0x1c/0x60",)
    frames = wanted_frames(events)
    assert [one.frame.partition("+")[0] for one in frames] == ["frob_next", "kasan_save_stack", "frob_new", "kfree"]
    assert not any(one.exact for one in frames)
    (event,) = decoded(events, {frames[2]: (Place(function="frob_new", file="f.c", line=3),)})
    assert "frob_new+0x8/0x9 (f.c:3) [frob]" in event.excerpt.split("\n")
    assert event.decoded == ()
    many = "BUG: x\nFreed by task 5:\n" + "".join(f" f{number}+0x1/0x9\n" for number in range(90))
    assert len(wanted_frames(scan_console(many))) == MOST_BESIDE


def test_a_part_of_a_function_taken_back_into_it_is_no_news() -> None:
    events = scan_console(OOPS)
    rip, *_ = wanted_frames(events)
    parts = tuple(Place(function="frob_next", file="f.c", line=line) for line in (12, 9))
    (event,) = decoded(events, {rip: parts})
    assert event.excerpt.split("\n")[1] == "RIP: 0010:frob_next+0x1c/0x60 (f.c:12)"


def test_an_event_comes_back_from_the_database_as_it_was() -> None:
    events = scan_console(OOPS)
    rip = wanted_frames(events)[0]
    (event,) = decoded(events, {rip: (Place(function="frob_next", file="f.c", line=9),)})
    assert ConsoleEvent.stored(json.loads(json.dumps(asdict(event)))) == event
    old = {name: asdict(event)[name] for name in ("kind", "title", "frames", "excerpt", "line", "fingerprint", "count")}
    assert ConsoleEvent.stored(old).decoded == ()


def test_answers_are_read_and_bounded() -> None:
    data = (
        answer(0x10, ("deref", "/build/linux/include/frob.h", 3), ("frob", "/build/linux/kernel/frob.c", 9))
        + answer(0x20, ("x" * 999, "/build/out/../linux/y" + "z" * 999, 1))
        + answer(0x30, ("??", "", 0))
        + b'{"Address":"0x40","Error":{"Message":"no"}}\n[1]\nnot json\n'
    )
    found = read_answers(data)
    assert [(one.function, one.file, one.line) for one in found[0x10]] == [
        ("deref", "include/frob.h", 3),
        ("frob", "kernel/frob.c", 9),
    ]
    assert max(len(found[0x20][0].function), len(found[0x20][0].file)) == 300
    assert found[0x30] == ()
    assert 0x40 not in found


def test_only_so_many_events_are_looked_up() -> None:
    text = "".join(f"BUG: thing {chr(97 + number)}\n f{number}+0x1/0x2\n" for number in range(20))
    assert len(wanted_frames(scan_console(text))) == MOST_EVENTS


@given(st.binary(max_size=300), st.lists(st.text(max_size=30), max_size=5))
def test_whatever_tools_answer_is_no_error(data: bytes, frames: list[str]) -> None:
    read_answers(data)
    addresses([Wanted(frame=frame, exact=False) for frame in frames], data)
