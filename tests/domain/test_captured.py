"""Logs as people capture them."""

import time
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import captured as reader
from app.domain.captured import plain, suite_of
from app.domain.results_document import console_document
from tests.inspected import results_document

PROGS = b"#1       align:OK\nf:FAIL:3 no\n#2       b:FAIL\nSummary: 1/0 PASSED, 0 SKIPPED, 1 FAILED\n"
KUNIT = (
    b"KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n    1..2\n    ok 1 a\n    not ok 2 b\nnot ok 1 s\n"
)
OOPS = b"[    1.0] BUG: kernel NULL pointer dereference, address: 0\n[    1.0] RIP: 0010:frob+0x1/0x9\n"


def by_suite(data: bytes) -> list[tuple[str | None, bytes]]:
    return [(part.suite, data[part.start : part.end]) for part in reader.by_suite(BytesIO(data))]


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
        lines(PROGS, b"x86_64-gcc / test_progs on x86_64\tRun selftests\t2024-06-11T10:00:00.1234567Z "),
        lines(PROGS, b"job\tUNKNOWN STEP\t\xef\xbb\xbf2024-06-11T10:00:00.1234567Z \x1b[1;31m", b"\x1b[m"),
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


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"[    0.512345] ",
        b"<6>[    0.512345][    T1] ",
        b"[    0.512345] [      T1] ",
        b"\x1b[0m[    0.5] ",
        b"2026-11-02T10:00:01,123456+00:00 ",
        b"Nov 02 10:00:01 host kernel: ",
        b"[    0.512345] host kernel: ",
        b"2026-11-02T10:00:01.123456+00:00 host kernel: [    0.512345] ",
        b"kern  :warn  : [    0.512345] ",
    ],
)
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
    (event,) = console_document([lines(b"SeaBIOS\r\n" + OOPS, before, b"\r")])["events"]
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
        (b"test_x(123):FAIL:create error:no\n", "test_maps"),
        (b"serial_test_x:FAIL:attach unexpected error: -22 (errno 22)\n", None),
        (b"test_maps: page allocation failure: order:9\n", None),
        (b"#4/1     btf/struct test #1:OK\n", "test_progs"),
        (b"#1 align:OK\n#3/1 an old one:OK\n", "test_progs"),
        (b"x\n" * 131_072 + b"ok 1 a\n", None),
        (b"nothing of the kind\n", None),
        (b"", None),
    ],
)
def test_a_suite_is_told_by_its_marks(data: bytes, suite: str | None) -> None:
    assert suite_of([data]) == suite


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


MAPS = b"test_batch:PASS\nFork 9 tasks to 'x'\n"
VERIFIER = b"#0/p add OK\n#1/p bad FAIL\nno\n"
TAP = b"TAP version 13\n1..1\n# selftests: net: x\n# #9       no:OK\nok 1 selftests: net: x\n"
CRASH = b"#1       align:OK\nf:FAIL:3 no\n#2       b:FAIL\nCaught signal #11!\nStack trace:\n./test_progs(x+0x1)[0x5]\n"


@pytest.mark.parametrize("said", [b"%s\n", b"Testing %s\n", b"##[group]%s - Testing %s\r\n"])
@pytest.mark.parametrize(
    "order",
    [
        {"test_progs": CRASH, "test_maps": MAPS, "test_verifier": VERIFIER},
        {"test_maps": MAPS, "test_progs": CRASH, "kselftest": TAP},
        {"test_verifier": VERIFIER, "test_maps": MAPS, "test_progs": PROGS},
        {"kselftest": TAP, "test_verifier": VERIFIER},
        {"kselftest": TAP, "test_progs": PROGS, "test_maps": MAPS + b"test_maps: OK, 0 SKIPPED\n"},
    ],
)
def test_a_suite_that_crashed_hides_neither_itself_nor_the_next(said: bytes, order: dict[str, bytes]) -> None:
    captured = b"booting\n" + b"".join(said.replace(b"%s", k.encode()) + each for k, each in order.items())
    parts = by_suite(captured)
    assert [suite for suite, _ in parts] == list(order)
    assert b"".join(part for _, part in parts) == captured
    assert all(each in part for (_, part), each in zip(parts, order.values(), strict=True))


def test_flavours_of_test_progs_are_told_apart_where_the_ci_says_which_begins() -> None:
    flavoured = b"##[group]test_progs-no_alu32 - Testing test_progs-no_alu32\n"
    captured = b"Testing test_progs\n" + CRASH + flavoured + PROGS + b"done\nTesting test_progs-cpuv4\n" + CRASH
    document = results_document(captured)
    assert [(one["suite"], one["summary"]["complete"], one["summary"]["crash"]) for one in document["suites"]] == [
        ("test_progs", False, "caught signal 11"),
        ("test_progs-no_alu32", True, None),
        ("test_progs-cpuv4", False, "caught signal 11"),
    ]
    assert [[each["ordinal"] for each in one["results"]] for one in document["suites"]] == [[0, 0]] * 3
    dead = b"Testing test_progs-cpuv4\nCaught signal #11!\n"
    assert by_suite(PROGS + dead) == [("test_progs", PROGS), ("test_progs-cpuv4", dead)]
    assert by_suite(b"Testing test_progs\n" + TAP) == [("kselftest", b"Testing test_progs\n" + TAP)]


def test_a_failing_tests_log_that_a_ci_prints_after_the_summary_is_no_suite() -> None:
    printed = b"::error::#2 b\nserial_test_x:PASS:open 0 nsec\nserial_test_x:FAIL:attach unexpected error: -22\n"
    assert by_suite(PROGS + printed) == [("test_progs", PROGS + printed)]


def test_a_word_like_anothers_in_a_tests_log_cuts_nothing_out() -> None:
    captured = b"#1       align:OK\nlooks_like:PASS\n" + PROGS
    assert by_suite(captured) == [("test_progs", captured)]


@pytest.mark.parametrize(
    "line",
    [b"#1 a:" * 400, b"#1 a:) " * 280, b"#1 a:)" + b" " * 2000 + b"x", b"#1 a:" + b")" * 1990 + b"x", b"aaaa" * 500],
)
def test_a_hostile_line_is_looked_at_in_bounded_time(line: bytes) -> None:
    started = time.process_time()
    by_suite((line + b"\n") * 500)
    assert time.process_time() - started < 0.5


@given(st.binary(max_size=400))
def test_any_bytes_are_read(data: bytes) -> None:
    assert b"".join(plain([data])).count(b"\n") == data.count(b"\n")
    results_document(data)
    console_document([data])


@given(
    st.lists(
        st.sampled_from((CRASH + MAPS + VERIFIER + TAP + PROGS + b"Testing test_progs-x\n").splitlines()), max_size=40
    )
)
def test_nothing_is_lost_between_suites(some: list[bytes]) -> None:
    captured = b"\n".join(some)
    parts = by_suite(captured)
    assert b"".join(part for _, part in parts) == captured
    assert all(one[0] != other[0] for one, other in pairwise(parts))


@given(
    st.lists(
        st.sampled_from((CRASH + MAPS + VERIFIER + TAP + PROGS + b"Testing test_maps\n").splitlines()), max_size=60
    ),
    st.sampled_from([b"", b"\x1b[32m", b"2024-06-11T10:00:00.1Z "]),
    st.integers(150, 600),
)
def test_it_does_not_matter_in_which_pieces_it_is_read(some: list[bytes], before: bytes, size: int) -> None:
    data = lines(b"\n".join(some), before)
    whole = by_suite(b"".join(plain([data])))
    cut = b"".join(plain([data[at : at + size] for at in range(0, len(data), size)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader.between, "__kwdefaults__", {"size": size})
        patch.setattr(reader, "SAMPLE", size)
        assert by_suite(cut) == whole
