"""The shapes of what tests printed, of checks of the verifier's log, and of programs."""

from pydantic import BaseModel, Field

from app.domain.log_diff import Where
from app.domain.outcome import Outcome
from app.domain.test_output import PartKind
from app.domain.verifier_log import CheckKind, Status
from app.domain.veristat import Weight
from app.web.api.schemas import Shape, TestName


class BootShape(BaseModel):
    """One boot of a test: 0 is the run's own, others are the judge's, of the unpatched image where `on_base`."""

    boot: int = Field(examples=[1])
    on_base: bool
    outcome: Outcome
    message: str | None
    log: str | None = Field(
        description="where its output lies, the bytes with Range",
        examples=["/api/v1/steps/4711/logs/results-patched-1"],
    )
    log_start: int | None
    log_end: int | None


class ExpectationShape(Shape):
    """One pattern of a check, in order; `line` is where in the log it matched, from 1, where that can be told."""

    status: Status
    pattern: str = Field(examples=["R1 invalid mem access 'scalar'"])
    is_regex: bool
    line: int | None


class CheckShape(Shape):
    """A check that failed; `wrong_at` is the line of the log that is nearest to what is missing, `nearest` its text."""

    kind: CheckKind
    sentence: str = Field(examples=["expected “R1 invalid mem access”, the verifier's log does not say it"])
    expectations: list[ExpectationShape]
    log: list[str]
    wrong_at: int | None
    nearest: str | None
    wanted_at: int | None
    left_out: int = Field(default=0, description="lines of `log` that are not given: the checks before had it all")


class PartShape(BaseModel):
    """A framed part of the output: a log, a program, what was read of an iterator (`title` is its target)."""

    kind: PartKind
    title: str = Field(examples=["bpf_map_elem"])
    lines: list[str]


class TestOfRunShape(BaseModel):
    """A test in one boot of a run: why it failed, and what it printed."""

    run_id: int
    suite: str = Field(examples=["test_progs"])
    name: TestName
    ordinal: int
    boots: list[BootShape]
    boot: int = Field(description="the boot that `checks`, `parts` and `output` are of")
    on_base: bool
    outcome: Outcome
    checks: list[CheckShape]
    parts: list[PartShape]
    output: list[str]
    left_out: int = Field(description="bytes of the output that are too many to be given here")


class DiffLineShape(Shape):
    """One line of a comparison; `moved`: the left log's differs in what merely moves."""

    where: Where
    left: int | None
    right: int | None
    text: str
    moved: bool


class FigureShape(Shape):
    """A number of the verifier's statistics that differs."""

    name: str = Field(examples=["instructions"])
    left: int | None
    right: int | None


class PartDiffShape(BaseModel):
    """One part in both outputs; without a kind it is what was printed beside the parts."""

    kind: PartKind | None
    title: str
    number: int
    left: bool = Field(description="whether the other run's output has it")
    right: bool
    same: bool = Field(description="nothing differs but what merely moved")
    restless: bool = Field(description="it differs between two boots of the left side too")
    removed: int
    added: int
    moved: int
    left_out: int
    figures: list[FigureShape]
    lines: list[DiffLineShape]


class OutputDiffShape(BaseModel):
    """What a test printed in two runs; left is the other run."""

    left: BootShape
    right: BootShape
    left_run_id: int
    right_run_id: int
    parts: list[PartDiffShape]


class ProgramShape(Shape):
    """What the verifier spends on a program."""

    accepted: bool
    states: int = Field(examples=[5981])
    insns: int = Field(examples=[361349])


class ProgramChangeShape(BaseModel):
    """A program, in two runs where `with` names one; the growths are parts: 0.5 is half as many again."""

    name: str = Field(examples=["loop1.bpf.o/nested_loops"])
    before: ProgramShape | None
    after: ProgramShape | None
    change: str | None = Field(examples=[Weight.REFUSED.words, Weight.GREW.words])
    insns_growth: float | None
    states_growth: float | None
