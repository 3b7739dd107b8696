from sqlalchemy.orm import Session

from app.db.queries.programs import has_programs, list_programs
from app.domain.outcome import Outcome, ProgramCounts, TestResult
from app.domain.veristat import Program
from app.services import programs, records
from app.services.attempts import Claim
from app.services.records import BootKey
from tests import factories as make


def result(name: str, outcome: Outcome, counts: ProgramCounts | None) -> TestResult:
    return TestResult(suite="veristat", name=name, outcome=outcome, counts=counts)


def test_costs_come_back_as_they_went_in(session: Session) -> None:
    run = make.add_run(session)
    held = Claim(run_id=run.id, attempt=1)
    batches = [
        [
            result("b.bpf.o/two", Outcome.FAIL, ProgramCounts(states=3, insns=12)),
            result("a.bpf.o/one", Outcome.PASS, ProgramCounts(states=40, insns=5_000_000_000)),
            TestResult(suite="test_progs", name="a.bpf.o/one", outcome=Outcome.PASS),
        ],
        [result("c.bpf.o/three", Outcome.PASS, ProgramCounts(states=1, insns=2))],
        [TestResult(suite="test_progs", name="x", outcome=Outcome.PASS)],
    ]
    assert not has_programs(session, run.id)
    for batch in batches:
        records.store_results(session, held, BootKey(), batch)
        programs.store_costs(session, held, batch)
        programs.store_costs(session, held, batch)  # the suite begun again: the first stays
    assert has_programs(session, run.id)
    assert list_programs(session, run.id) == [
        Program(name="a.bpf.o/one", accepted=True, states=40, insns=5_000_000_000),
        Program(name="b.bpf.o/two", accepted=False, states=3, insns=12),
        Program(name="c.bpf.o/three", accepted=True, states=1, insns=2),
    ]


def test_an_older_attempt_s_costs_do_not_count(session: Session) -> None:
    run = make.add_run(session)
    batch = [result("a.bpf.o/one", Outcome.PASS, ProgramCounts(states=4, insns=5))]
    held = Claim(run_id=run.id, attempt=1)
    records.store_results(session, held, BootKey(), batch)
    programs.store_costs(session, held, batch)
    run.results_attempt = 2
    session.flush()
    assert list_programs(session, run.id) == []
