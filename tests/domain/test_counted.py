import pytest

from app.domain.counted import counted
from app.domain.outcome import Outcome, TestResult

BPF = "tools/testing/selftests/bpf"
PROGRAM = TestResult(suite="veristat", name="verifier_x.bpf.o/bad_pointer", outcome=Outcome.FAIL)
TEST = TestResult(suite="test_progs", name="verifier_x/bad_pointer", outcome=Outcome.PASS)


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        ([f"{BPF}/progs/verifier_x.c"], False),
        ([f"{BPF}/bpf_misc.h"], False),
        ([f"{BPF}/progs/verifier_y.c", f"{BPF}/prog_tests/verifier_x.c", "kernel/bpf/verifier.c"], True),
        (["include/linux/bpf.h", "progs/verifier_x.c"], True),
        ([], True),
    ],
)
def test_a_program_of_the_series_own_may_be_meant_to_be_refused(files: list[str], counts: bool) -> None:
    assert counted([PROGRAM, TEST], files) == ([PROGRAM, TEST] if counts else [TEST])
