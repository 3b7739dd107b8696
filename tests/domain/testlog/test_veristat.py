import pytest

from app.domain.outcome import Outcome, ProgramCounts
from app.domain.testlog import VeristatParser, parser_for

HEAD = "file_name,prog_name,verdict,total_states,total_insns\n"
OUTPUT = f"""\
{HEAD}loop1.bpf.o,nested_loops,success,5981,361349
loop1.bpf.o,other,failure,3,12
{HEAD}pyperf50.bpf.o,on_event,success,1000,20000
Failed to open 'x.bpf.o': -2
"""


def test_programs_of_several_files() -> None:
    parser = parser_for("veristat")
    results = parser.feed(OUTPUT.encode())
    assert [(one.suite, one.name, one.outcome, one.counts) for one in results] == [
        ("veristat", "loop1.bpf.o/nested_loops", Outcome.PASS, ProgramCounts(states=5981, insns=361349)),
        ("veristat", "loop1.bpf.o/other", Outcome.FAIL, ProgramCounts(states=3, insns=12)),
        ("veristat", "pyperf50.bpf.o/on_event", Outcome.PASS, ProgramCounts(states=1000, insns=20000)),
    ]
    assert results[1].message == "the verifier refuses it after 12 instructions, 3 states"
    assert results[0].message is None
    spans = [OUTPUT[one.log_start : one.log_end] for one in results]
    assert spans == [line + "\n" for line in OUTPUT.splitlines() if ".bpf.o," in line]
    summary = parser.finish().summary
    assert summary.complete
    assert (summary.tally.passed, summary.tally.failed) == (2, 1)
    assert summary.rest == "Failed to open 'x.bpf.o': -2"


def test_columns_in_another_order_and_without_counts() -> None:
    parser = VeristatParser()
    results = parser.feed(b"verdict,prog_name,file_name,duration\nsuccess,p,f.bpf.o,91\n")
    assert [(one.name, one.outcome, one.counts, one.duration_s) for one in results] == [
        ("f.bpf.o/p", Outcome.PASS, None, 0.000091)
    ]


def test_columns_by_the_names_that_veristat_takes_for_them() -> None:
    (result,) = VeristatParser().feed(b"file,prog,verdict,states,insns\nf.bpf.o,p,success,3,91\n")
    assert (result.name, result.counts) == ("f.bpf.o/p", ProgramCounts(states=3, insns=91))


def test_the_second_side_of_a_comparison() -> None:
    columns = [
        f"{name}{side}" for name in ("verdict", "total_insns", "total_states") for side in ("_base", "_comp", "_diff")
    ]
    head = ",".join(["file_name", "prog_name", *columns])
    both = "a.bpf.o,p,success,failure,MISMATCH,9,12,+3 (+33.33%),2,3,+1 (+50.00%)"
    rows = f"{both}\na.bpf.o,gone,success,N/A,N/A,9,N/A,N/A,2,N/A,N/A\n"
    results = VeristatParser().feed(f"{head}\n{rows}".encode())
    assert [(one.name, one.outcome, one.counts) for one in results] == [
        ("a.bpf.o/p", Outcome.FAIL, ProgramCounts(states=3, insns=12))
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b,success,1,2\n",
        f"{HEAD}a,b,success,1\n",
        f"{HEAD}a,b,perhaps,1,2\n",
        f"{HEAD}{'a' * 2000},b,success,1,2\n",
    ],
)
def test_what_is_no_program(text: str) -> None:
    parser = VeristatParser()
    assert parser.feed(text.encode()) == []
    assert parser.finish().summary.complete is text.startswith(HEAD)


@pytest.mark.parametrize("counts", ["-1,2", "x,2", "9" * 30 + ",2", "\u0663,2"])
def test_counts_that_are_none(counts: str) -> None:
    result = VeristatParser().feed(f"{HEAD}a,b,success,{counts}\n".encode())[0]
    assert (result.outcome, result.counts) == (Outcome.PASS, None)
