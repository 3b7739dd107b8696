"""Each patch of a run on its own, as a run's page and a patch's page show it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import CheckState, Patch, PatchTrial, Run
from app.db.queries.patch_trials import check_of, trials_of
from app.domain.outcome import Outcome
from app.domain.patches import Finding, FindingKind, finding_of
from app.web.words import Chip, Tone

_TONES = {
    FindingKind.FIRST_BAD: Tone.BAD,
    FindingKind.BUILD: Tone.BAD,
    FindingKind.BOOT: Tone.WARN,
    FindingKind.TESTS: Tone.WARN,
    FindingKind.GONE: Tone.WARN,
}
_BUILDS = {
    Outcome.PASS: Chip(text="builds", tone=Tone.GOOD),
    Outcome.FAIL: Chip(text="does NOT build", tone=Tone.BAD),
    Outcome.SKIP: Chip(text="nothing to build", tone=Tone.QUIET),
}
_TOLD = {
    Outcome.PASS: ("builds", "build"),
    Outcome.FAIL: ("does not", "do not"),
    Outcome.SKIP: ("has nothing to build", "have nothing to build"),
    None: ("not tried", "not tried"),
}
MOST_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A new warning: where, what, the compiler's own lines, and whether a later patch takes it back."""

    place: str
    text: str
    excerpt: str
    remains: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedPatch:
    """One patch; `trial` is None where it was not tried yet, `tests` where it was not booted."""

    patch_id: int
    position: int
    title: str
    trial: PatchTrial | None
    chip: Chip | None
    tests: Chip | None
    failing: Sequence[str]
    warnings: Sequence[Warned]
    remarks: Sequence[str]
    missing: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedPatches:
    """The patches of a run: what they do, and each; `open`: there is more to come."""

    open: bool
    trouble: str
    findings: Sequence[tuple[Finding, Tone]]
    rows: Sequence[TriedPatch]

    @property
    def booted(self) -> bool:
        """Whether any of them was tested."""
        return any(row.tests for row in self.rows)

    @property
    def told(self) -> str:
        """The whole in a few words, for the heading."""
        if self.open:
            return "still being tried"
        counted = Counter(row.trial.outcome if row.trial else None for row in self.rows)
        told = [(counted[outcome], words) for outcome, words in _TOLD.items() if counted[outcome]]
        return ", ".join(f"{number} {one if number == 1 else many}" for number, (one, many) in told)


def tried_patches(session: Session, run: Run) -> TriedPatches | None:
    """Return what came of the patches of a run; None where they are not tried."""
    check = check_of(session, run.id) if run.revision_id is not None else None
    if check is None:
        return None
    trials = {one.position: one for one in trials_of(session, run.id)}
    patches = session.execute(
        select(Patch.id, Patch.position, Patch.title)
        .where(Patch.revision_id == run.revision_id)
        .order_by(Patch.position)
    )
    return TriedPatches(
        open=check.state is CheckState.OPEN,
        trouble=check.trouble or "",
        findings=[(one, _TONES[one.kind]) for one in map(finding_of, check.findings)],
        rows=[tried_patch(id_, position, title, trials.get(position)) for id_, position, title in patches],
    )


def tried_patch(patch_id: int, position: int, title: str, trial: PatchTrial | None) -> TriedPatch:
    """Return a patch with what came of it."""
    tests = trial.tests if trial is not None else None
    advice = trial.advice if trial is not None else {}
    return TriedPatch(
        patch_id=patch_id,
        position=position,
        title=title,
        trial=trial,
        chip=_BUILDS.get(trial.outcome) if trial is not None else None,
        tests=None if tests is None else _tests(tests),
        failing=[] if tests is None else [str(one) for one in tests.get("failing", ())][:MOST_LINES],
        warnings=[_warned(one) for one in trial.warnings][:MOST_LINES] if trial is not None else [],
        remarks=[str(one) for one in advice.get("checkpatch") or ()][:MOST_LINES],
        missing=[str(one) for one in advice.get("missing") or ()][:MOST_LINES],
    )


def _tests(told: dict[str, Any]) -> Chip:
    if not told.get("booted"):
        return Chip(text="does NOT boot", tone=Tone.BAD)
    failed = int(told.get("failed", 0))
    passed = f"{int(told.get('passed', 0)):,} pass"
    return Chip(text=f"{failed:,} FAIL, {passed}", tone=Tone.WARN) if failed else Chip(text=passed, tone=Tone.GOOD)


def _warned(one: dict[str, Any]) -> Warned:
    place = ":".join(str(part) for part in (one.get("file"), one.get("line")) if part is not None)
    return Warned(
        place=place,
        text=str(one.get("text", "")),
        excerpt=str(one.get("excerpt", "")),
        remains=bool(one.get("remains")),
    )
