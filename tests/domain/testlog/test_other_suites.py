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
    assert outcomes(results)[-2:] == [("tls.sendfile", Outcome.PASS), ("tls.recv", Outcome.FAIL)]
    assert not summary.complete


@pytest.mark.parametrize(
    ("suite", "data"), [("test_verifier", VERIFIER), ("test_maps", b"a:PASS\n"), ("k", TAP + KTAP)]
)
@given(st.data())
def test_pieces_of_any_size_read_alike(suite: str, data: bytes, draw: st.DataObject) -> None:
    lines = draw.draw(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from(data.split(b"\n"))), max_size=40))
    size = draw.draw(st.integers(1, 300))
    whole = b"\n".join(lines)
    assert read(parser_for(suite), whole, size) == read(parser_for(suite), whole)
