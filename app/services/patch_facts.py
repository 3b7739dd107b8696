"""What a report says of each patch on its own, out of what was stored of it."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.db.models import PatchCheck, PatchTrial
from app.db.queries.patch_trials import trials_of
from app.domain.outcome import Outcome
from app.domain.patches import FindingKind, finding_of
from app.report.patches import FoundOfPatch, PatchFacts, WarningOfPatch


def load_patch_facts(session: Session, run_id: int) -> PatchFacts | None:
    """Return what trying the patches of a run has shown; None where they were not to be tried."""
    check = session.get(PatchCheck, run_id)
    if check is None:
        return None
    trials = trials_of(session, run_id)
    found = [finding_of(one) for one in check.findings]
    broken = next((one for one in found if one.kind is FindingKind.BUILD and one.until is not None), None)
    remarks = {one.position: len(one.advice.get("checkpatch") or ()) for one in trials}
    return PatchFacts(
        built=_count(trials, Outcome.PASS),
        failed=_count(trials, Outcome.FAIL),
        untouched=_count(trials, Outcome.SKIP),
        tested=sum(one.tests is not None for one in trials),
        trouble=check.trouble or "",
        broken_at=broken.position if broken else 0,
        broken_in=broken.place.partition(":")[0] if broken else "",
        findings=tuple(
            FoundOfPatch(position=one.position, sentence=one.sentence, excerpt=one.excerpt)
            for one in found
            if not one.said_in(check.whole.get("sentence") or "")
        ),
        warnings=tuple(
            WarningOfPatch(position=one.position, text=_warning(told))
            for one in trials
            for told in one.warnings
            if told["remains"]
        ),
        remarks=sum(remarks.values()),
        remarked=tuple(position for position, count in remarks.items() if count),
        missing=tuple(dict.fromkeys(who for one in trials for who in one.advice.get("missing") or ())),
    )


def _count(trials: Sequence[PatchTrial], outcome: Outcome) -> int:
    return sum(one.outcome is outcome for one in trials)


def _warning(told: dict[str, object]) -> str:
    place = ":".join(str(part) for part in (told["file"], told["line"]) if part is not None)
    return f"{place}: {told['text']}" if place else str(told["text"])
