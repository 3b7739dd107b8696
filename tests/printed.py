"""A judged run whose tests printed what test_progs prints, and runs in which veristat said something."""

from sqlalchemy.orm import Session

from app.db.models import Run
from app.domain.outcome import ChangeClass, Outcome, ProgramCounts, TestResult
from app.domain.outcome import Step as StepName
from app.services import records
from app.services.attempts import Claim
from app.services.programs import store_costs
from app.services.records import BootKey
from tests import factories as make

NAME = "verifier_frob/frobbed <access>, twice"
FRAME = "============="


def loud(message: str, address: str, *, failing: bool, value: int) -> bytes:
    """Return what one confirming boot prints: another test first, then this one, which reads an iterator as well."""
    lines = [
        "VERIFIER LOG:",
        FRAME,
        "func#0 @0",
        "0: R1=ctx() R10=fp0",
        "; return *(int *)ctx->frob @ verifier_frob.c:12",
        f"0: (18) r2 = {address} ; R2_w=map_ptr(map=m,ks=4,vs=8)",
        message,
        f"processed {value} insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0",
        FRAME,
        "ITERATOR OUTPUT: bpf_map_elem",
        FRAME,
        "|map dump starts",
        f"|{value}: <b>",
        FRAME,
    ]
    if failing:
        lines += [
            "validate_msgs:FAIL:695 expect_msg",
            "MATCHED    SUBSTR: 'R1=ctx()'",
            "EXPECTED   SUBSTR: 'R2 frobbed <access>'",
        ]
    return "".join(f"{line}\n" for line in lines).encode()


def add_printed(stored: Session) -> tuple[Run, Run]:
    """Return a baseline and a judged run with what the judge's boots printed of a test on both sides."""
    baseline = make.add_run(stored)
    run = make.add_run(stored, make.add_revision(stored, make.add_series(stored)), baseline_id=baseline.id)
    make.add_results(stored, baseline, {NAME: Outcome.PASS})
    outputs = {
        (1, False): loud("R2 fribbed <access>", "0xffff888001020304", failing=True, value=7),
        (1, True): loud("R2 frobbed <access>", "0xffff888011121314", failing=False, value=6),
        (2, True): loud("R2 frobbed <access>", "0xffff888011121317", failing=False, value=8),
    }
    step = make.add_step(stored, run, StepName.SELFTESTS)
    make.add_log(stored, step, "results", b"before\n" + outputs[1, False] + b"after\n")
    span = {"log_start": 7, "log_end": 7 + len(outputs[1, False])}
    make.add_results(stored, run, {NAME: Outcome.FAIL}, **span)
    judge = make.add_step(stored, run, StepName.JUDGE)
    for (boot, on_base), output in outputs.items():
        name = f"results-{'base' if on_base else 'patched'}-{boot}"
        make.add_log(stored, judge, name, output)
        outcome = Outcome.PASS if on_base else Outcome.FAIL
        place = {"log_start": 0, "log_end": len(output)}
        make.add_results(stored, run, {NAME: outcome}, boot=boot, on_base=on_base, **place)
    make.add_change(stored, run, NAME, ChangeClass.REGRESSION)
    stored.commit()
    return baseline, run


def add_programs(session: Session, run: Run, programs: dict[str, tuple[Outcome, int, int]]) -> None:
    """Insert what veristat said in a run: verdict, states and instructions by the program's name."""
    results = [
        TestResult(suite="veristat", name=name, outcome=outcome, counts=ProgramCounts(states=states, insns=insns))
        for name, (outcome, states, insns) in programs.items()
    ]
    held = Claim(run_id=run.id, attempt=1)
    records.store_results(session, held, BootKey(), results)
    store_costs(session, held, results)
