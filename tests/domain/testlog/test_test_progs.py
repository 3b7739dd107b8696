import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.outcome import Outcome, TestResult
from app.domain.testlog import SuiteEnd, TestProgsParser, suite

PASSING = b"""\
#1       align:OK
#12/1    bpf_iter/btf_id_or_null:OK
#12/2    bpf_iter/ksym:OK
#12      bpf_iter:OK
#80/1    fexit_bpf2bpf/target_no_callees:OK
#80/2    fexit_bpf2bpf/func_replace_return_code, second:SKIP
#80      fexit_bpf2bpf:OK (SKIP: 1/2)
#90      tunnel:SKIP
#91      wq:SKIP (not built)
Summary: 5/3 PASSED, 2 SKIPPED (1 not built), 0 FAILED
"""

FAILING = b"""\
test_map_init:PASS:skel_open 0 nsec
#200/1   map_init/pcpu_map_init:OK
check_values:PASS:lookup 0 nsec
check_values:FAIL:map value unexpected map value: actual 7 != expected 9
libbpf: map 'hashmap1': something else
#200/2   map_init/pcpu lru map, init:FAIL
#200     map_init:FAIL
test_netns:FAIL:setup netns unexpected error: -1 (errno 2)
#201     netns:FAIL

All error logs:
test_map_init:PASS:skel_open 0 nsec
check_values:PASS:lookup 0 nsec
check_values:FAIL:map value unexpected map value: actual 7 != expected 9
libbpf: map 'hashmap1': something else
#200/2   map_init/pcpu lru map, init:FAIL
#200     map_init:FAIL
test_netns:FAIL:setup netns unexpected error: -1 (errno 2)
#201     netns:FAIL
Summary: 0/1 PASSED, 0 SKIPPED, 2 FAILED
"""


def read(data: bytes, size: int = 1 << 20) -> tuple[list[TestResult], SuiteEnd]:
    parser = TestProgsParser()
    results = []
    for at in range(0, len(data), size):
        results += parser.feed(data[at : at + size])
    end = parser.finish()
    return results + list(end.results), end


def outcomes(data: bytes) -> dict[str, Outcome]:
    return {str(result.key): result.outcome for result in read(data)[0]}


def test_all_forms_of_a_result() -> None:
    assert outcomes(PASSING) == {
        "align": Outcome.PASS,
        "bpf_iter/btf_id_or_null": Outcome.PASS,
        "bpf_iter/ksym": Outcome.PASS,
        "bpf_iter": Outcome.PASS,
        "fexit_bpf2bpf/target_no_callees": Outcome.PASS,
        "fexit_bpf2bpf/func_replace_return_code, second": Outcome.SKIP,
        "fexit_bpf2bpf": Outcome.PASS,
        "tunnel": Outcome.SKIP,
        "wq": Outcome.SKIP,
    }


def test_messages_of_what_was_skipped() -> None:
    messages = {result.name: result.message for result in read(PASSING)[0] if result.message}
    assert messages == {"wq": "not built", "fexit_bpf2bpf": "1 of 2 subtests skipped"}


def test_subtests_know_their_parent_and_parents_do_not_count() -> None:
    results, end = read(PASSING)
    by_name = {result.name: result for result in results}
    assert by_name["bpf_iter/ksym"].parent == "bpf_iter"
    assert by_name["bpf_iter"].aggregate
    assert not by_name["align"].aggregate
    tally = end.summary.tally
    assert (tally.tests, tally.leaves, tally.passed, tally.skipped, tally.failed) == (5, 7, 4, 3, 0)


def test_the_suites_own_summary_old_and_new_form() -> None:
    claimed = read(PASSING)[1].summary.claimed
    assert claimed is not None
    assert (claimed.passed, claimed.subtests, claimed.skipped, claimed.failed) == (5, 3, 2, 0)
    newer = read(b"Summary: 539/4358 PASSED, 67 SKIPPED, 39/122 FAILED\n")[1].summary
    assert newer.complete
    assert newer.claimed is not None
    assert (newer.claimed.passed, newer.claimed.subtests, newer.claimed.failed) == (539, 4358, 39)


def test_kernels_before_5_16_name_a_subtest_without_its_test() -> None:
    data = (
        b"#3/1 array of maps, first:OK\nf:FAIL:1 no\n#3/2 other one:FAIL\n#3/3 x:SKIP\n#3 fexit:FAIL\n"
        b"#4/1 b:OK\n#4 link:OK\nSummary: 1/2 PASSED, 1 SKIPPED, 1 FAILED\n#5/1 cut:OK\n"
    )
    results, end = read(data)
    assert [(result.name, result.outcome, result.parent, result.message) for result in results] == [
        ("fexit/array of maps, first", Outcome.PASS, "fexit", None),
        ("fexit/other one", Outcome.FAIL, "fexit", "no"),
        ("fexit/x", Outcome.SKIP, "fexit", None),
        ("fexit", Outcome.FAIL, None, "1 of 3 subtests failed: other one"),
        ("link/b", Outcome.PASS, "link", None),
        ("link", Outcome.PASS, None, None),
        ("#5/cut", Outcome.PASS, "#5", None),
    ]
    assert [result.aggregate for result in results] == [False, False, False, True, False, True, False]
    assert data[results[1].log_start : results[1].log_end] == b"f:FAIL:1 no\n"
    assert end.summary.complete


def test_a_slash_in_the_name_of_an_old_subtest_is_no_test() -> None:
    log = b"own words\n#7/1 tc/ingress, x:OK\nf:FAIL:3 no\n#7/2 xdp/frags:FAIL\n#7 some_test:FAIL\n#8 foo:OK\n"
    results, end = read(log + b"Summary: 1/1 PASSED, 0 SKIPPED, 1 FAILED\n")
    assert [(str(one.key), one.outcome, one.message) for one in results] == [
        ("some_test/tc/ingress, x", Outcome.PASS, None),
        ("some_test/xdp/frags", Outcome.FAIL, "no"),
        ("some_test", Outcome.FAIL, "1 of 2 subtests failed: xdp/frags"),
        ("foo", Outcome.PASS, None),
    ]
    assert "own words" in results[2].detail
    assert end.summary.agrees


def test_kernels_from_5_16_to_5_18_name_the_test_without_padding() -> None:
    log = b"#7/1 tc/in/gress:OK\nf:FAIL:3 no\n#7/2 tc/e:FAIL\n#7 tc:FAIL\n"
    again = b"All error logs:\n#7/1 tc/in/gress:OK\n#7/2 tc/e:FAIL\n#7 tc:FAIL\n"
    results, end = read(log + again + b"Summary: 0/1 PASSED, 0 SKIPPED, 1 FAILED\n")
    assert [(str(one.key), one.outcome) for one in results] == [
        ("tc/in/gress", Outcome.PASS),
        ("tc/e", Outcome.FAIL),
        ("tc", Outcome.FAIL),
    ]
    assert end.summary.agrees
    died, end = read(log[: log.index(b"#7 tc")])
    assert [(str(one.key), one.parent) for one in died] == [("tc/in/gress", "tc"), ("tc/e", "tc")]
    assert end.summary.not_run == ("tc",)


def test_a_number_so_long_that_one_space_is_left_is_no_old_subtest() -> None:
    results, _ = read(b"#400/100 verifier_x/a:OK\n#400     verifier_x:OK\n")
    assert [str(one.key) for one in results] == ["verifier_x/a", "verifier_x"]
    parser = TestProgsParser()
    assert len(parser.feed(b"#400/100 verifier_x/a:OK\n")) == 1


def test_a_subtest_that_was_not_built_says_so() -> None:
    (result,) = read(b"#1/1     a/b:SKIP (not built)\n")[0]
    assert (result.outcome, result.message) == (Outcome.SKIP, "not built")


@pytest.mark.parametrize(
    ("line", "claimed"),
    [
        (b"Summary: 67 PASSED, 2 FAILED\n", (67, None, 0, 2)),
        (b"Summary: 67/39 PASSED, 2 FAILED\n", (67, 39, 0, 2)),
        (b"Summary: 67/39 PASSED, 1 SKIPPED, 2 FAILED\n", (67, 39, 1, 2)),
    ],
)
def test_summaries_of_old_kernels(line: bytes, claimed: tuple[int, int | None, int, int]) -> None:
    summary = read(line)[1].summary
    assert summary.claimed is not None
    found = summary.claimed
    assert (found.passed, found.subtests, found.skipped, found.failed) == claimed
    assert summary.complete


def test_what_was_read_is_held_against_what_the_suite_counted() -> None:
    assert read(PASSING)[1].summary.agrees
    assert read(FAILING)[1].summary.agrees
    lost = PASSING.replace(b"#12/2    bpf_iter/ksym:OK\n", b"")
    assert read(lost)[1].summary.agrees is False
    assert read(PASSING[:100])[1].summary.agrees is None
    assert read(PASSING + FAILING)[1].summary.agrees


def test_the_error_summary_does_not_double() -> None:
    results, end = read(FAILING)
    assert [str(result.key) for result in results] == [
        "map_init/pcpu_map_init",
        "map_init/pcpu lru map, init",
        "map_init",
        "netns",
    ]
    assert end.summary.complete
    assert end.summary.tally.failed == 2


def test_why_it_failed() -> None:
    by_name = {result.name: result for result in read(FAILING)[0]}
    failed = by_name["map_init/pcpu lru map, init"]
    assert failed.message == "unexpected map value: actual 7 != expected 9"
    assert failed.detail == (
        "check_values:FAIL:map value unexpected map value: actual 7 != expected 9\n"
        "libbpf: map 'hashmap1': something else"
    )
    assert by_name["map_init"].aggregate
    assert by_name["map_init"].message == "1 of 2 subtests failed: pcpu lru map, init"
    assert not by_name["netns"].aggregate
    assert by_name["netns"].message == "setup netns unexpected error: -1 (errno 2)"


def test_the_whole_log_can_be_found_in_the_stream() -> None:
    failed = next(result for result in read(FAILING)[0] if result.outcome is Outcome.FAIL)
    assert failed.log_start is not None
    log = FAILING[failed.log_start : failed.log_end]
    assert log.startswith(b"check_values:PASS:lookup")
    assert log.endswith(b"something else\n")


def test_a_failing_parent_whose_subtests_pass_is_a_failure_of_its_own() -> None:
    data = b"run:FAIL:attach unexpected error: -22 (errno 22)\n#7/1     link/a:OK\n#7       link:FAIL\n"
    results = read(data)[0]
    assert results[1].aggregate is False
    assert results[1].message == "attach unexpected error: -22 (errno 22)"


def test_messages_are_of_one_length_however_long_the_names() -> None:
    data = b"".join(b"#7/%d     link/%s:FAIL\n" % (n, b"x" * 1900) for n in range(1, 9)) + b"#7       link:FAIL\n"
    results = read(data)[0]
    assert max(len(result.message or "") for result in results) == 300
    assert max(len(result.name) for result in results) == 300


def test_two_subtests_of_one_name_are_told_apart() -> None:
    data = b"#5/1     t/same:OK\n#5/2     t/same:OK\n#5       t:OK\n"
    assert list(outcomes(data)) == ["t/same", "t/same #2", "t"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"#9/4     a/b:c/d, e (f):OK\n", "a/b:c/d, e (f)"),
        (b"#9/4     a/b:FAIL:OK\r\n", "a/b:FAIL"),
        (b"#1234567/12 a/b:OK\n", "a/b"),
        (b"ping: 3 packets#9/4     a/b:OK\n", "a/b"),
        ("#9/4     a/über→:OK\n".encode(), "a/über→"),
        (b"#9/4     a/\xff\x1b[31m:OK\n", "a/\ufffd\ufffd[31m"),
    ],
)
def test_unfriendly_names(line: bytes, name: str) -> None:
    results = read(line)[0]
    assert [(result.name, result.outcome) for result in results] == [(name, Outcome.PASS)]


@pytest.mark.parametrize(
    "line",
    [
        b"see #9/4 a/b:OK\n",
        b"#9/4     a:OK\n",
        b"#x       a:OK\n",
        b"#9       a b:OK\n",
        b"#9       a:DONE\n",
        b"#9       a:\n",
        b":OK\n",
    ],
)
def test_what_is_no_result(line: bytes) -> None:
    assert read(line)[0] == []


def test_a_stream_cut_off_is_not_complete() -> None:
    results, end = read(FAILING[: FAILING.index(b"#201") + 12])
    assert [result.name for result in results] == ["map_init/pcpu_map_init", "map_init/pcpu lru map, init", "map_init"]
    assert not end.summary.complete
    assert end.summary.last_test == "map_init"
    assert end.summary.rest.endswith("#201     net")


def test_a_test_that_prints_the_words_of_the_summary_hides_nothing() -> None:
    data = b"All error logs:\n#3       evil:FAIL\n#4       next:FAIL\n#5       last:OK\n"
    assert list(outcomes(data)) == ["evil", "next", "last"]


def test_a_crash_of_the_program_is_said() -> None:
    end = read(b"#3       evil:FAIL\nCaught signal #11!\nStack trace:\n./test_progs(crash_handler+0x38)\n")[1]
    assert end.summary.crash == "caught signal 11"
    assert not end.summary.complete
    assert read(b"#3       a:OK\n[2]: Caught signal #6!\n")[1].summary.crash == "caught signal 6"
    slow = b"WATCHDOG: test case evil/sub executes for 10 seconds...\n#3       evil:OK\n"
    assert read(slow)[1].summary.crash is None
    watchdog = b"WATCHDOG: test case evil executes for 120 seconds, terminating with SIGSEGV\nCaught signal #11!\n"
    assert "evil executes for 120 seconds" in (read(watchdog)[1].summary.crash or "")


def test_a_flood_of_results_is_cut_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "MAX_RESULTS", 3)
    results, end = read(b"".join(b"#%d       t%d:OK\n" % (n, n) for n in range(10)))
    assert len(results) == 3
    assert end.summary.dropped == 7


@pytest.mark.parametrize(
    "piece",
    [
        b"\n" * 65536,
        b"x:OK" * 16384,
        b"f:FAIL:1 no\n" * 5000,
        b"VERIFIER LOG:\n=====\n" + b"r1 = 2\n" * 9000,
        b"#1       t:FAIL\n" * 4000,
    ],
)
def test_memory_stays_bounded_whatever_is_printed(piece: bytes) -> None:
    parser = TestProgsParser()
    tracemalloc.start()
    try:
        for _ in range(10):
            parser.feed(piece)
        held, _ = tracemalloc.get_traced_memory()
        parser.finish()
    finally:
        tracemalloc.stop()
    assert held < 8 << 20


@pytest.mark.parametrize("subtest", [b"#%d/1 t%d/a:OK\n", b"#%d/1    t%d/a:OK\n"])
def test_what_tests_print_between_their_subtests_is_kept_within_bounds(subtest: bytes) -> None:
    parser = TestProgsParser()
    tracemalloc.start()
    try:
        for number in range(300):
            parser.feed((b"w" * 900 + b"\n") * 250 + subtest % (number, number))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 8 << 20


LONG = {b"<70000>": b"x" * 70_000, b"<65536>": b"y" * 65_536, b"<65535>": b"z" * 65_535}
ODD_LINES = st.lists(
    st.one_of(
        st.binary(max_size=60), st.sampled_from([*PASSING.splitlines(), *FAILING.splitlines(), *LONG, b"", b"\r"])
    ),
    max_size=40,
)


def join(lines: list[bytes]) -> bytes:
    return b"\n".join(LONG.get(line, line) for line in lines)


@given(lines=ODD_LINES, size=st.integers(1, 5000))
def test_pieces_of_any_size_read_alike(lines: list[bytes], size: int) -> None:
    assert read(join(lines), size) == read(join(lines))


@given(lines=ODD_LINES)
def test_logs_lie_within_the_stream_and_names_are_unique(lines: list[bytes]) -> None:
    data = join(lines)
    results, end = read(data)
    assert len({result.key for result in results}) == len(results)
    assert end.summary.tally.leaves == sum(not result.aggregate for result in results)
    for result in results:
        if result.log_start is not None:
            assert result.log_end is not None
            assert 0 <= result.log_start <= result.log_end <= len(data)


def test_subtests_of_two_workers_in_turn_count_one_failure_once() -> None:
    lines = [
        b"#1/1     a/x:FAIL", b"#2/1     b/y:OK", b"#1/2     a/z:OK", b"#2       b:OK", b"#1       a:FAIL",
    ]  # fmt: skip
    results, end = read(join(lines))
    assert [(one.name, one.aggregate) for one in results if one.outcome is Outcome.FAIL] == [
        ("a/x", False),
        ("a", True),
    ]
    assert end.summary.tally.failed == 1
