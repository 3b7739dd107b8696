"""The shape of a verdict with all that it rests on: one document, which a program can check word by word.

`schema` names this shape; fields may be added to it under the same name, none is renamed, removed or given another
meaning. docs/verdict.schema.json is the same as a JSON Schema.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.db.models import CheckState
from app.domain.outcome import ChangeClass, Outcome, Verdict
from app.domain.outcome import Step as StepName
from app.web.api.schemas import Commit, MessageId, PrerequisiteShape, TestName


class Part(BaseModel):
    """A part of the document. The schema forbids no further fields: some may be added, as the module says."""

    model_config = ConfigDict(populate_by_name=True)


class Side(StrEnum):
    """Which tree was booted."""

    BASE = "base"
    PATCHED = "patched"


class TestShape(Part):
    """A test; `ordinal` counts results of one name within a run, from 0."""

    __test__ = False  # pytest: not a test case

    suite: str = Field(examples=["test_progs"])
    name: TestName
    ordinal: int = Field(default=0, examples=[0])


class RevisionPart(Part):
    """The posting that is judged."""

    id: int = Field(examples=[31])
    series_id: int = Field(examples=[12])
    label: str = Field(examples=["v4"])
    title: str = Field(examples=["bpf: Introduce frobbed data"])
    root_id: MessageId


class BasePart(Part):
    """What the patches were applied to, why that, and what was applied before them, to the baseline as well."""

    tree: str = Field(examples=["bpf-next"])
    commit: Commit
    reason: str = Field(examples=["the cover letter's base-commit line"])
    applied_first: list[PrerequisiteShape]


class StepPart(Part):
    """How a step of the run ended that gave the results; without an outcome it was not come to its end."""

    step: StepName
    outcome: Outcome | None
    summary: str | None
    logs: list[str] = Field(description="addresses of its logs", examples=[["/api/v1/steps/31/logs/console"]])


class BaselinePart(Part):
    """The run of the base alone that is compared with: same base, prerequisites, config, toolchain and selection."""

    run_id: int = Field(examples=[811])
    url: str = Field(examples=["/api/v1/runs/811"])
    finished_at: datetime | None
    same_toolchain: bool
    same_selection: bool
    steps: list[StepPart]


class ObservationPart(Part):
    """One outcome of the test in one boot: 0 is the run's own, with the other tests; 1.. are fresh machines."""

    run_id: int = Field(examples=[812])
    attempt: int = Field(examples=[1])
    boot: int = Field(examples=[0])
    side: Side
    outcome: Outcome
    message: str | None
    log: str | None = Field(
        description="address of the log of that boot, where it is kept", examples=["/api/v1/steps/31/logs/results"]
    )
    log_start: int | None = Field(description="where the test begins in it, in bytes")
    log_end: int | None


class HistoryPart(Part):
    """What the test did on unpatched trees lately, on which its rate of failures and that rate's interval rest."""

    failures: int = Field(examples=[4])
    runs: int = Field(examples=[30])
    bases: int = Field(examples=[5])
    broken: int = Field(description="bases left out, on which it was broken", examples=[0])
    low: float = Field(description="lower end of the rate's 95 % interval", examples=[0.0531])
    high: float = Field(examples=[0.2968])
    words: str = Field(examples=["failed 4 of 30 runs of unpatched trees (5-30 %)"])


class IgnorePart(Part):
    """The entry that said to ignore the failure when it was judged."""

    id: int = Field(examples=[3])
    pattern: str
    suite: str | None
    tree: str | None
    profile: str | None
    reason: str
    owner: str
    expires_at: datetime


class TestPart(TestShape):
    """A test that differs or fails, its class, and everything that the class rests on.

    `confirmed`: it was seen to fail in more than one machine.
    """

    __test__ = False  # pytest: not a test case

    test_id: int = Field(examples=[77])
    kind: ChangeClass = Field(alias="class")
    reason: str | None = Field(examples=["base passed 3 of 3, patched failed 3 of 3"])
    message: str | None = Field(examples=["unexpected sum: actual 12 != expected 14"])
    excerpt: str = Field(description="the lines of the log that explain it")
    confirmed: bool
    observations: list[ObservationPart]
    history: HistoryPart | None
    ignored: IgnorePart | None


class ReasonPart(Part):
    """What speaks for the verdict, the weightiest first; `test` is null where it is about none."""

    text: str
    test: TestShape | None
    excerpt: str


class EventPart(Part):
    """What the patched kernel complained of."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    kind: str = Field(examples=["KASAN"])
    title: str = Field(examples=["KASAN: slab-use-after-free in frob_free"])
    fingerprint: str | None = Field(default=None, examples=["00ff00ff00ff00ff"])
    excerpt: str = ""
    test: str | None = Field(default=None, description="what ran when it was first seen", examples=["bpf_iter"])
    perhaps: str | None = Field(default=None, description="the test before, where it may have been that one")
    life: int = Field(default=1, description="in which machine of the run")
    decoded: list[dict[str, Any]] = Field(
        default=[],
        description="frames with their lines of the source, inlined functions first",
        examples=[
            [
                {
                    "frame": "frob_free+0x1c/0x60",
                    "places": [{"function": "frob_free", "file": "kernel/bpf/frob.c", "line": 12}],
                }
            ]
        ],
    )


class SincePart(Part):
    """Compared with the revision before: tests blamed there and not here, here and not there, in both, or not known."""

    label: str = Field(examples=["v3"])
    run_id: int | None = Field(examples=[700])
    same_base: bool | None = Field(description="false: a difference may come from the base as well")
    fixed: list[TestShape]
    broken: list[TestShape]
    still_broken: list[TestShape]
    unknown: list[TestShape] = Field(description="blamed in one of them; the other does not tell")
    caveats: list[str] = Field(description="what else may be the cause of a difference, in sentences")


class PatchesPart(Part):
    """What came of each patch on its own, where that is done: open while it is not through."""

    state: CheckState
    findings: list[dict[str, Any]]
    trouble: str | None


class SelectedPart(Part):
    """A test that was selected, with the reason."""

    test: str = Field(examples=["bpf_iter"])
    reason: str = Field(examples=["the series changes kernel/bpf/bpf_iter.c"])


class VerdictDocument(Part):
    """What is said of a revision, and everything that it rests on; of tests the 5,000 gravest: `counts` has all."""

    schema_: Literal["reroll-verdict-1"] = Field(default="reroll-verdict-1", alias="schema")
    run_id: int = Field(examples=[812])
    url: str = Field(description="the run's page", examples=["/runs/812"])
    revision_id: int | None
    revision: RevisionPart | None = Field(description="null: the run is a baseline")
    baseline_id: int | None
    verdict: Verdict | None = Field(description="null until it is judged")
    sentence: str | None
    base_commit: Commit
    base: BasePart
    profile: str = Field(examples=["bpf-quick"])
    only: list[str] | None = Field(description="the tests asked for alone; null for the whole selection")
    toolchain: dict[str, Any] = Field(examples=[{"gcc": "12.2.0", "clang": "19.1.7"}])
    accelerator: str | None = Field(examples=["tcg"])
    config: str | None = Field(description="address of the kernel's configuration")
    selection: list[SelectedPart]
    not_built: list[SelectedPart] = Field(description="tests that the base cannot build, and why")
    steps: list[StepPart]
    baseline: BaselinePart | None
    counts: dict[ChangeClass, int] = Field(examples=[{"regression": 1, "new pass": 6}])
    reasons: list[ReasonPart]
    blamed: list[TestPart] = Field(description="regressions and new failures: what the series answers for")
    excused: list[TestPart] = Field(description="failures that nobody is blamed for: flaky, or ignored")
    disappeared: list[TestShape]
    not_run: list[TestShape]
    events: list[EventPart]
    refusal: dict[str, Any] | None = Field(description="the patch that git refused, in git's words")
    build_errors: list[dict[str, Any]]
    since: SincePart | None
    patches: PatchesPart | None
