import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.guest_stream import MARK, MAX_SUITES, GuestEnd, GuestStream
from app.domain.outcome import Outcome, TestResult


def frame(**fields: object) -> bytes:
    return b"\n" + MARK + json.dumps(fields).encode() + b"\n"


def read(data: bytes, size: int = 1 << 20) -> tuple[list[TestResult], GuestEnd]:
    stream = GuestStream()
    results = []
    for at in range(0, len(data), size):
        results += stream.feed(data[at : at + size])
    end = stream.finish()
    return results + list(end.results), end


WHOLE = (
    b"init: mounting\n"
    + frame(event="ready")
    + frame(event="begin", suite="test_progs")
    + b"f:FAIL:1 wrong\n#1       align:FAIL\n#2       bpf_iter:OK\nSummary: 1/0 PASSED, 0 SKIPPED, 1 FAILED"
    + frame(event="end", suite="test_progs", exit=1)
    + frame(event="begin", suite="test_verifier")
    + b"#0/p add+sub OK\n#1/u tail call FAIL\nUnexpected success to load!\n"
    + frame(event="end", suite="test_verifier", exit=1)
    + frame(event="begin", suite="kselftest")
    + b"TAP version 13\n1..1\nok 1 selftests: bpf: test_tag\n"
    + frame(event="end", suite="kselftest", exit=0)
    + frame(event="done")
)


def test_each_suite_is_read_by_its_own_rules() -> None:
    results, end = read(WHOLE)
    assert [(r.suite, r.name, r.outcome) for r in results] == [
        ("test_progs", "align", Outcome.FAIL),
        ("test_progs", "bpf_iter", Outcome.PASS),
        ("test_verifier", "add+sub/p", Outcome.PASS),
        ("test_verifier", "tail call/u", Outcome.FAIL),
        ("kselftest", "bpf/test_tag", Outcome.PASS),
    ]
    assert [(run.suite, run.exit_code, run.ended) for run in end.suites] == [
        ("test_progs", 1, True),
        ("test_verifier", 1, False),
        ("kselftest", 0, True),
    ]
    assert end.ready
    assert end.done
    assert end.stray[0] == "init: mounting"


def test_offsets_are_of_the_whole_stream() -> None:
    results, _ = read(WHOLE)
    assert WHOLE[results[0].log_start : results[0].log_end] == b"f:FAIL:1 wrong\n"
    assert WHOLE[results[3].log_start : results[3].log_end].startswith(b"#1/u tail call FAIL\nUnexpected")


def test_a_machine_that_dies_leaves_its_suite_open() -> None:
    results, end = read(WHOLE[: WHOLE.index(b"#2 ")])
    assert [r.name for r in results] == ["align"]
    assert end.suites[0].exit_code is None
    assert not end.suites[0].ended
    assert not end.done


def test_a_suite_that_begins_again_goes_on_counting() -> None:
    once = (
        frame(event="begin", suite="test_progs") + b"#1       a:OK\n" + frame(event="end", suite="test_progs", exit=0)
    )
    results, end = read(once + once)
    assert [str(r.key) for r in results] == ["a", "a #2"]
    assert len(end.suites) == 1
    assert end.suites[0].summary.tally.tests == 2


@pytest.mark.parametrize(
    "line",
    [
        b"@@reroll",
        b"@@reroll [1]",
        b"@@reroll {",
        b"@@reroll " + b"[" * 4000,
        b"@@reroll " + b'{"event":"begin","suite":"' + b"x" * 5000 + b'"}',
        b'@@reroll {"event":"begin","suite":"../etc"}',
        b'@@reroll {"event":"begin","suite":7}',
        b'@@reroll {"event":"end","suite":"never"}',
        b'@@reroll {"event":{}}',
        b"@@reroll \xff\xfe",
    ],
)
def test_forged_frames_do_no_harm(line: bytes) -> None:
    results, end = read(b"\n" + line + b"\n" + WHOLE)
    assert len(results) == 5
    assert [run.suite for run in end.suites] == ["test_progs", "test_verifier", "kselftest"]


def test_forged_suites_are_limited() -> None:
    end = read(b"".join(frame(event="begin", suite=f"s{n}") for n in range(1000)))[1]
    assert len(end.suites) == MAX_SUITES


@given(
    data=st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(WHOLE.split(b"\n"))), max_size=40).map(b"\n".join),
    size=st.integers(1, 500),
)
def test_pieces_of_any_size_read_alike(data: bytes, size: int) -> None:
    assert read(data, size) == read(data)
