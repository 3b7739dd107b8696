import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.outcome import Outcome, TestResult
from app.domain.testlog import SuiteParser, SuiteSummary, TapParser, TestMapsParser, TestVerifierParser, parser_for


def read(parser: SuiteParser, data: bytes, size: int = 1 << 20) -> tuple[list[TestResult], SuiteSummary]:
    results = []
    for at in range(0, len(data), size):
        results += parser.feed(data[at : at + size])
    end = parser.finish()
    return [*results, *end.results], end.summary


def outcomes(results: list[TestResult]) -> list[tuple[str, Outcome]]:
    return [(str(result.key), result.outcome) for result in results]


VERIFIER = b"""\
#0/u add+sub+mul OK
#0/p add+sub+mul OK
#1/p atomics: 3 cases, with commas 3 cases OK
#2/u BPF_ST_MEM stack imm SKIP
#3/p dead code FAIL
Unexpected error message!
\tEXP: R0 !read_ok
\tRES: R1 !read_ok
verifier log:
0: (95) exit
#4/p sleepable fentry accept Did not run the program (not supported) OK
#5/u unpriv: retval FAIL retval 3 != 0 (run 1/1)\x20
#6/p unaligned OK (NOTE: not executed due to unknown alignment)
Summary: 5 PASSED, 1 SKIPPED, 2 FAILED
"""


def test_test_verifier() -> None:
    results, summary = read(TestVerifierParser(), VERIFIER)
    assert outcomes(results) == [
        ("add+sub+mul/u", Outcome.PASS),
        ("add+sub+mul/p", Outcome.PASS),
        ("atomics: 3 cases, with commas/p", Outcome.PASS),
        ("BPF_ST_MEM stack imm/u", Outcome.SKIP),
        ("dead code/p", Outcome.FAIL),
        ("sleepable fentry accept/p", Outcome.PASS),
        ("unpriv: retval/u", Outcome.FAIL),
        ("unaligned/p", Outcome.PASS),
    ]
    dead = results[4]
    assert dead.message == "Unexpected error message!"
    assert dead.detail is not None
    assert dead.detail.startswith("Unexpected error message!\n\tEXP: R0 !read_ok")
    assert VERIFIER[dead.log_start : dead.log_end].endswith(b"0: (95) exit\n")
    assert results[6].message == "retval 3 != 0 (run 1/1)"
    assert summary.complete
    assert summary.claimed is not None
    assert (summary.claimed.passed, summary.claimed.skipped, summary.claimed.failed) == (5, 1, 2)


def test_test_verifier_whose_word_comes_later() -> None:
    data = (
        b"#3/p verbose , verifier log:\n0: (b7) r0 = 0\n1 is no result\nOK\n"
        b"#4/u bad , verifier log:\n0: R0 invalid mem access\nFAIL retval 3 != 0 (run 1/1) \n0: R0 invalid mem access\n"
        b"#5/p maps Failed to create hash map 'Operation not permitted'!\nSKIP (unsupported map type 5)\nOK\n"
        b"#6/p an OK in a name, SKIP too OK\n#7/p jit SKIP (requires BPF JIT)\n#8/p cut of"
    )
    results, summary = read(TestVerifierParser(), data)
    assert [(result.name, result.outcome, result.message) for result in results] == [
        ("verbose/p", Outcome.PASS, None),
        ("bad/u", Outcome.FAIL, "retval 3 != 0 (run 1/1)"),
        ("maps/p", Outcome.SKIP, "unsupported map type 5"),
        ("an OK in a name, SKIP too/p", Outcome.PASS, None),
        ("jit/p", Outcome.SKIP, "requires BPF JIT"),
    ]
    assert summary.rest == "#8/p cut of"
    again = TestVerifierParser()
    again.feed(b"#9/p x , verifier log:\n")
    again.end()
    assert again.feed(b"OK\n") == []


def test_test_verifier_whose_program_ran_several_times() -> None:
    data = (
        b"#1/p jset32 FAIL retval 1 != 0 (run 1/3) FAIL retval 2 != 0 (run 2/3) \nprocessed 10 insns\n"
        b"#2/p jeq32 Did not run the program (not supported) FAIL retval -2 != 0 (run 2/2) \n"
        b"#3/p ret FAIL: Unexpected bpf_prog_test_run error (No buffer) (run 1/2) FAIL retval 3 != 0 (run 2/2) \n"
        b"#4/p a FAIL retval in a name OK\n#5/p b 1 cases FAIL retval 1 != 0 (run 1/1) \n"
    )
    results, _ = read(TestVerifierParser(), data)
    assert [(result.name, result.outcome, result.message) for result in results] == [
        ("jset32/p", Outcome.FAIL, "retval 1 != 0 (run 1/3) FAIL retval 2 != 0 (run 2/3)"),
        ("jeq32/p", Outcome.FAIL, "retval -2 != 0 (run 2/2)"),
        (
            "ret/p",
            Outcome.FAIL,
            "Unexpected bpf_prog_test_run error (No buffer) (run 1/2) FAIL retval 3 != 0 (run 2/2)",
        ),
        ("a FAIL retval in a name/p", Outcome.PASS, None),
        ("b/p", Outcome.FAIL, "retval 1 != 0 (run 1/1)"),
    ]


def test_test_verifier_cut_off_in_a_failure() -> None:
    results, summary = read(TestVerifierParser(), VERIFIER[: VERIFIER.index(b"RES:")])
    assert outcomes(results)[-1] == ("dead code/p", Outcome.FAIL)
    assert not summary.complete


def test_test_maps() -> None:
    results, summary = read(
        TestMapsParser(),
        b"Fork 100 tasks to 'test_update_delete'\ntest_array_map_batch_ops:PASS\ntest_maps: OK, 3 SKIPPED\n",
    )
    assert outcomes(results) == [("test_array_map_batch_ops", Outcome.PASS), ("test_maps", Outcome.PASS)]
    assert summary.complete


def test_test_maps_that_dies() -> None:
    data = b"test_a:PASS\ntest_b(123):FAIL:create error:Operation not permitted\n"
    results, summary = read(TestMapsParser(), data + b"test_maps: test_maps.c:99: test_hashmap: Assertion failed.\n")
    assert outcomes(results) == [("test_a", Outcome.PASS), ("test_b", Outcome.FAIL)]
    assert results[1].message == "create error:Operation not permitted"
    assert not summary.complete
    assert "Assertion failed" in summary.rest


def test_test_maps_says_what_was_skipped_and_which_assertion_failed() -> None:
    said = b"test_maps: test_maps.c:9: test_hashmap: Assertion `fd < 0 && errno == E2BIG' failed."
    skipped = b"test_a SKIP (no CONFIG_PREEMPT)\ntest_b:PASS with inner ARRAY map\ntest_c:PASS:tag 9 nsec\n"
    results, summary = read(TestMapsParser(), skipped + said + b"\nAborted\n")
    assert outcomes(results) == [("test_a", Outcome.SKIP), ("test_b", Outcome.PASS)]
    assert summary.crash == said.decode()


def test_test_maps_whose_fork_failed_before_it_saw_that() -> None:
    child = b"test_maps: test_maps.c:63: test_hashmap: Assertion `bpf_map_update_elem(fd) < 0' failed."
    parent = b"test_maps: test_maps.c:1377: __run_parallel: Assertion `status == 0' failed."
    parser = TestMapsParser()
    parser.feed(b"Fork 100 tasks to 'test_hashmap'\n" + b"\n".join([child, child, parent]) + b"\nAborted\n")
    assert parser.end().summary.crash == child.decode()
    parser.begin()
    parser.feed(parent + b"\n")
    assert parser.finish().summary.crash == parent.decode()


TAP = b"""\
TAP version 13
1..5
# timeout set to 45
# selftests: bpf: test_tag
# test_tag: OK (40945 tests)
ok 1 selftests: bpf: test_tag
# selftests: bpf: test_lirc_mode2.sh
ok 2 selftests: bpf: test_lirc_mode2.sh # SKIP
# selftests: bpf: test_sysctl
# Test case: read .. [FAIL]
not ok 3 selftests: bpf: test_sysctl # exit=1
# selftests: net: tls
# TAP version 13
# 1..2
# ok 1 tls.sendfile
# not ok 2 tls.recv
not ok 4 selftests: net: tls # exit=1
not ok 5 selftests: bpf: slow # TIMEOUT 45 seconds
"""


def test_kselftest_tap() -> None:
    results, summary = read(TapParser(), TAP)
    assert outcomes(results) == [
        ("bpf/test_tag", Outcome.PASS),
        ("bpf/test_lirc_mode2.sh", Outcome.SKIP),
        ("bpf/test_sysctl", Outcome.FAIL),
        ("net/tls/tls.sendfile", Outcome.PASS),
        ("net/tls/tls.recv", Outcome.FAIL),
        ("net/tls", Outcome.FAIL),
        ("bpf/slow", Outcome.FAIL),
    ]
    assert [result.name for result in results if result.aggregate] == ["net/tls"]
    assert results[4].parent == "net/tls"
    assert results[-1].message == "timed out after 45 seconds"
    assert summary.complete
    assert summary.tally.failed == 3


KTAP = b"""\
KTAP version 1
1..2
  KTAP version 1
  1..2
    KTAP version 1
    1..1
    ok 1 - deep
  ok 1 inner
  ok 2 other # SKIP no hardware
ok 1 outer
not ok 2
"""


def test_ktap_nests() -> None:
    results, _ = read(parser_for("kunit"), KTAP)
    assert outcomes(results) == [
        ("outer/inner/deep", Outcome.PASS),
        ("outer/inner", Outcome.PASS),
        ("outer/other", Outcome.SKIP),
        ("outer", Outcome.PASS),
        ("test 2", Outcome.FAIL),
    ]


def test_tap_cut_off_is_not_complete_and_keeps_what_was_nested() -> None:
    results, summary = read(TapParser(), TAP[: TAP.index(b"not ok 4")])
    assert outcomes(results)[-2:] == [("net/tls/tls.sendfile", Outcome.PASS), ("net/tls/tls.recv", Outcome.FAIL)]
    assert not summary.complete


def test_ktap_cut_off_is_named_by_what_had_begun() -> None:
    began = b"    KTAP version 1\n    # Subtest: s\n    1..2\n        # Subtest: params\n        ok 1 - value 1\n"
    results, _ = read(TapParser(), b"1..2\nok 1 whole\n" + began)
    assert [(result.name, result.parent) for result in results] == [("whole", None), ("s/params/value 1", "s")]
    ended = began + b"    ok 1 params\n    ok 2 b\n"
    assert [result.name for result in read(TapParser(), ended)[0]] == ["s/params/value 1", "s/params", "s/b"]


@pytest.mark.parametrize(
    ("line", "name", "outcome", "message"),
    [
        ("ok 3 test #5 works, a/b: c", "test #5 works, a/b: c", Outcome.PASS, None),
        ("ok 3 name \\# escaped # SKIP: why", "name # escaped", Outcome.SKIP, "why"),
        ("ok 3 a #skip why", "a", Outcome.SKIP, "why"),
        ("ok 3 # XFAIL known", "test 3", Outcome.SKIP, "XFAIL known"),
        ("not ok 3 # error cannot open it", "test 3", Outcome.ERROR, "cannot open it"),
        ("not ok 3 selftests: bpf: x # exit=139", "bpf/x", Outcome.FAIL, "exit=139"),
        ("ok - no number", "no number", Outcome.PASS, None),
    ],
)
def test_names_and_directives(line: str, name: str, outcome: Outcome, message: str | None) -> None:
    (result,) = read(TapParser(), line.encode() + b"\n")[0]
    assert (result.name, result.outcome, result.message) == (name, outcome, message)


def test_what_any_program_prints_is_no_result() -> None:
    results, _ = read(TapParser(), b"# ok\n# ok then\nok\nok, fine\nnot ok either\nokay 1\nok 1 selftests: a: b\n")
    assert outcomes(results) == [("a/b", Outcome.PASS)]


def test_why_a_nested_test_failed_and_who_only_sums_up() -> None:
    case = b"    # bad: EXPECTATION FAILED at lib/x.c:29\n    Expected 1 == 2\n        not ok 2 value 0\n"
    data = b"        ok 1 value 1\n" + case + b"    not ok 1 bad\n    ok 2 other\nnot ok 1 suite\n"
    results, summary = read(TapParser(), data)
    assert [(result.name, result.aggregate, result.message) for result in results if result.outcome.failed] == [
        ("suite/bad/value 0", False, "bad: EXPECTATION FAILED at lib/x.c:29"),
        ("suite/bad", True, "1 of 2 subtests failed: value 0"),
        ("suite", True, "1 of 3 subtests failed: bad/value 0"),
    ]
    assert (summary.tally.failed, summary.tally.leaves) == (1, 3)


def test_a_parent_names_all_of_its_many_and_what_is_dropped_is_counted() -> None:
    many = b"".join(b"        ok %d value %d\n" % (n, n) for n in range(5000))
    results, summary = read(TapParser(), many + b"    ok 1 params\n    ok 2 last\nok 1 suite\n")
    assert results[0].name == "suite/value 0"
    assert summary.dropped == 2
    results, summary = read(TapParser(), many[: many.index(b"value 4000")] + b"9\n    ok 1 params\nok 1 suite\n")
    assert {result.name.rpartition("/")[0] for result in results[:-2]} == {"suite/params"}
    assert summary.dropped == 0


def test_programs_that_the_runner_runs_are_read_by_their_own_rules() -> None:
    progs = b"#1/1     align/mov, a/b:OK\nf:FAIL:x wrong\n#1/2     align/bad:FAIL\n#1       align:FAIL\n#2       b:OK\n"
    again = b"\nAll error logs:\nf:FAIL:x wrong\n#1/2     align/bad:FAIL\n#1       align:FAIL\n"
    end = b"Summary: 1/1 PASSED, 0 SKIPPED, 1 FAILED\n"
    inner = b"".join(b"# " + line + b"\n" for line in (progs + again + end).splitlines())
    verifier = b"# #0/p add FAIL\n# Unexpected success to load!\n"
    data = (
        b"TAP version 13\n1..3\n# selftests: bpf: test_progs-no_alu32\n" + inner + b"not ok 1 selftests: bpf: "
        b"test_progs-no_alu32 # exit=1\n# selftests: bpf: test_verifier\n" + verifier + b"not ok 2 selftests: bpf: "
        b"test_verifier # exit=1\n# selftests: bpf: other\n# #9       no:OK\nok 3 selftests: bpf: other\n"
    )
    results, summary = read(TapParser(), data)
    assert [(str(result.key), result.outcome, result.aggregate) for result in results] == [
        ("bpf/test_progs-no_alu32/align/mov, a/b", Outcome.PASS, False),
        ("bpf/test_progs-no_alu32/align/bad", Outcome.FAIL, False),
        ("bpf/test_progs-no_alu32/align", Outcome.FAIL, True),
        ("bpf/test_progs-no_alu32/b", Outcome.PASS, False),
        ("bpf/test_progs-no_alu32", Outcome.FAIL, True),
        ("bpf/test_verifier/add/p", Outcome.FAIL, False),
        ("bpf/test_verifier", Outcome.FAIL, True),
        ("bpf/other", Outcome.PASS, False),
    ]
    assert [result.message for result in results if result.outcome.failed] == [
        "x wrong",
        "1 of 2 subtests failed: bad",
        "1 of 3 subtests failed: align/bad",
        "Unexpected success to load!",
        "1 of 1 subtests failed: add/p",
    ]
    assert data[results[1].log_start : results[1].log_end] == b"f:FAIL:x wrong\n# "
    assert (summary.tally.tests, summary.tally.failed, summary.complete) == (3, 2, True)


@pytest.mark.parametrize(
    ("data", "complete", "crash"),
    [
        (b"1..0 # SKIP no such device\n", True, None),
        (b"1..1\nok 1 a\nTAP version 13\n1..2\nok 1 b\n", False, None),
        (b"1..1\nok 1 a\nTAP version 13\n1..2\nok 1 b\nok 2 c\n", True, None),
        (b"1..3\nok 1 a\nBail out! cannot go on\n", False, "Bail out! cannot go on"),
    ],
)
def test_whether_tap_came_to_its_end(data: bytes, *, complete: bool, crash: str | None) -> None:
    summary = read(TapParser(), data)[1]
    assert (summary.complete, summary.crash) == (complete, crash)


@pytest.mark.parametrize(
    ("suite", "data"), [("test_verifier", VERIFIER), ("test_maps", b"a:PASS\n"), ("k", TAP + KTAP)]
)
@given(st.data())
def test_pieces_of_any_size_read_alike(suite: str, data: bytes, draw: st.DataObject) -> None:
    lines = draw.draw(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from(data.split(b"\n"))), max_size=40))
    size = draw.draw(st.integers(1, 300))
    whole = b"\n".join(lines)
    assert read(parser_for(suite), whole, size) == read(parser_for(suite), whole)


def test_a_program_that_a_second_one_interrupts_loses_no_failure():
    said = "# selftests: bpf: test_verifier\n# #1/p good OK\n# #2/p bad FAIL\n# Unexpected success to load!\n{}"
    for line in ("# # Subtest: x\n", "# selftests: bpf: test_tag\n"):
        text = said.format(line) + "not ok 1 selftests: bpf: test_verifier\n"
        found = dict(outcomes(read(TapParser(), text.encode())[0]))
        assert [word for name, word in found.items() if name.endswith("bad/p")] == [Outcome.FAIL], line
