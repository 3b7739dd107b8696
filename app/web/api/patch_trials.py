"""What came of each patch of a run on its own."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.db.models import CheckState, PatchTrial, Run
from app.db.queries.patch_trials import check_of, trials_of
from app.domain.outcome import Outcome
from app.domain.patches import FindingKind, Part, finding_of
from app.web.api.shapes import found
from app.web.parameters import Id, Read

router = APIRouter(tags=["results"])


class FindingShape(BaseModel):
    """What one patch does. `earliest` is before `position` where the patches between could not tell."""

    kind: FindingKind
    position: int = Field(examples=[3])
    title: str
    earliest: int = Field(examples=[3])
    until: int | None = Field(description="the patch that mends it", examples=[6])
    tests: list[str] = Field(examples=[["bpf_iter/ksym"]])
    what: str
    place: str = Field(examples=["kernel/bpf/core.c:10: implicit declaration of function 'frob'"])
    excerpt: str
    sentence: str


class PatchWarningShape(BaseModel):
    """A warning of the build that the base does not have; `line` is as of this patch."""

    file: str | None
    line: int | None
    text: str
    tool: str = Field(description="empty for a compiler's", examples=["objtool"])
    excerpt: str
    remains: bool = Field(description="false where a later patch takes it back")


class PatchTestsShape(BaseModel):
    """What the tests did with the series up to this patch; `failing` are those that the base does not fail too."""

    booted: bool
    complete: bool
    passed: int
    failed: int
    skipped: int
    as_on_base: int = Field(description="fail as they do on the base")
    failing: list[str]


class PatchTrialShape(BaseModel):
    """One patch upon those before it."""

    position: int = Field(examples=[3])
    outcome: Outcome = Field(description="of its build; skip where it touches nothing that is built")
    built: list[Part]
    reason: str | None
    errors: list[dict[str, Any]]
    warnings: list[PatchWarningShape]
    tests: PatchTestsShape | None
    checkpatch: list[str] | None = Field(description="remarks of the tree's checkpatch.pl; null: not asked")
    missing: list[str] | None = Field(description="whom get_maintainer.pl names and the mail did not go to")
    duration_s: float | None


class RunPatchesShape(BaseModel):
    """Each patch of a run on its own; `trouble` says why they were not tried, for trouble of ours."""

    run_id: int
    state: CheckState | None = Field(default=None, description="null: the patches are not to be tried one by one")
    trouble: str | None = None
    findings: list[FindingShape] = []
    patches: list[PatchTrialShape] = []
    created_at: datetime | None = None
    finished_at: datetime | None = None


@router.get("/runs/{run_id}/patches")
def get_patches_of_run(run_id: Id, session: Read) -> RunPatchesShape:
    """Return what came of each patch of a run on its own, and what all of them show: the first bad patch, for one."""
    found(session.get(Run, run_id), "run", run_id)
    check = check_of(session, run_id)
    if check is None:
        return RunPatchesShape(run_id=run_id)
    findings = [finding_of(one) for one in check.findings]
    return RunPatchesShape(
        run_id=run_id,
        state=check.state,
        trouble=check.trouble,
        findings=[
            FindingShape(
                **{name: getattr(one, name) for name in FindingShape.model_fields if name != "tests"},
                tests=list(one.tests),
            )
            for one in findings
        ],
        patches=[_trial(one) for one in trials_of(session, run_id)],
        created_at=check.created_at,
        finished_at=check.finished_at,
    )


def _trial(one: PatchTrial) -> PatchTrialShape:
    same = PatchTrialShape.model_fields.keys() - {"checkpatch", "missing"}
    return PatchTrialShape.model_validate(
        {name: getattr(one, name) for name in same}
        | {"checkpatch": one.advice.get("checkpatch"), "missing": one.advice.get("missing")}
    )
