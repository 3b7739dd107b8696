"""Logs as people capture them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.captured import by_suite, plain, suite_of
from app.domain.results_document import console_document, results_document

PROGS = b"#1       align:OK\nf:FAIL:3 no\n#2       b:FAIL\nSummary: 1/0 PASSED, 0 SKIPPED, 1 FAILED\n"
KUNIT = (
    b"KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n    1..2\n    ok 1 a\n    not ok 2 b\nnot ok 1 s\n"
)
OOPS = b"[    1.0] BUG: kernel NULL pointer dereference, address: 0\n[    1.0] RIP: 0010:frob+0x1/0x9\n"


def lines(data: bytes, before: bytes, after: bytes = b"") -> bytes:
    return b"".join(before + line + after + b"\n" for line in data.splitlines())


@pytest.mark.parametrize(
    "captured",
    [
        PROGS,
        lines(PROGS, b"", b"\r"),
        lines(PROGS, b"\x1b[32m", b"\x1b[0m"),
        lines(PROGS, b"2024-06-11T10:00:00.1234567Z "),
        lines(PROGS, b"2024-06-11T10:00:00.1234567Z \x1b[1;31m", b"\x1b[m\r"),
        b"\x1bc\x1b[?7l\x1b[2JSeaBIOS (version 1.16)\r\n" + PROGS,
        b"\x1b]0;title\x07" + PROGS,
        b"\x00\xff\xfe rubbish \x80\n" + PROGS + bytes(range(256)),
    ],
)
def test_results_are_read_whatever_captured_them(captured: bytes) -> None:
    document = results_document(captured)
    assert document["suite"] == "test_progs"
    assert [(one["name"], one["outcome"]) for one in document["results"]] == [("align", "pass"), ("b", "fail")]
    assert document["results"][1]["message"] == "no"
    assert document["summary"]["complete"]


@pytest.mark.parametrize("before", [b"", b"[    0.512345] ", b"<6>[    0.512345][    T1] ", b"\x1b[0m[    0.5] "])
def test_kunit_in_a_kernels_log(before: bytes) -> None:
    document = results_document(lines(KUNIT, before))
    assert [(one["name"], one["outcome"]) for one in document["results"]] == [
        ("s/a", "pass"),
        ("s/b", "fail"),
        ("s", "fail"),
    ]
    assert document["results"][2]["message"] == "1 of 2 subtests failed: b"


@pytest.mark.parametrize("before", [b"", b"\x1b[31m", b"2024-06-11T10:00:00.1234567Z "])
def test_a_console_keeps_its_lines(before: bytes) -> None:
    (event,) = console_document(lines(b"SeaBIOS\r\n" + OOPS, before, b"\r"))["events"]
    assert (event["kind"], event["line"], event["frames"]) == ("oops", 2, ["frob+0x1/0x9"])


@pytest.mark.parametrize(
    ("data", "suite"),
    [
        (b"#100/p add OK\n", "test_verifier"),
        (b"#100/1   a/p add:OK\n", "test_progs"),
        (b"#3       x:SKIP (not built)\n", "test_progs"),
        (b"noise #12      x:OK\n", "test_progs"),
        (b"Fork 1024 tasks to 'test_update_delete'\n", "test_maps"),
        (b"test_maps: test_maps.c:55: test_hashmap: Assertion `x' failed.\n", "test_maps"),
        (b"# TAP version 13\n", "kselftest"),
        (b"1..3\nok 1 a\n", "kselftest"),
        (b"file_name,prog_name,verdict,total_insns,total_states\nx.bpf.o,p,success,1,2\n", "veristat"),
        (b"[    0.1] booting\n" * 40_000 + b"#0/p add OK\r\n", "test_verifier"),
        (b"array_map_batch_ops:PASS\r\n", "test_maps"),
        (b"#1 align:OK\n#3/1 an old one:OK\n", "test_progs"),
        (b"x\n" * 131_072 + b"ok 1 a\n", None),
        (b"nothing of the kind\n", None),
        (b"", None),
    ],
)
def test_a_suite_is_told_by_its_marks(data: bytes, suite: str | None) -> None:
    assert suite_of(data) == suite


def test_suites_that_a_ci_ran_one_after_the_other() -> None:
    verifier = b"#0/p add OK\n#1/u a FAIL\nno\nSummary: 1 PASSED, 0 SKIPPED, 1 FAILED\n"
    maps = b"Fork 9 tasks to 'x'\nm:PASS\ntest_maps: OK, 0 SKIPPED\n"
    captured = b"booting\n" + PROGS + b"then\n" + PROGS + b"Testing test_maps\n" + maps + verifier + b"power off\n"
    document = results_document(lines(captured, b"2024-06-11T10:00:00.1Z ", b"\r"))
    assert [(one["suite"], [each["name"] for each in one["results"]]) for one in document["suites"]] == [
        ("test_progs", ["align", "b", "align", "b"]),
        ("test_maps", ["m", "test_maps"]),
        ("test_verifier", ["add/p", "a/u"]),
    ]
    assert all(one["summary"]["complete"] for one in document["suites"])
    assert b"".join(part for _, part in by_suite(captured)) == captured
    assert by_suite(b"nothing\n") == [(None, b"nothing\n")]
    assert by_suite(b"") == [(None, b"")]


@given(st.binary(max_size=400))
def test_any_bytes_are_read(data: bytes) -> None:
    assert plain(data).count(b"\n") == data.count(b"\n")
    results_document(data)
    console_document(data)
