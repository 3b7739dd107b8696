"""A judged run -> the facts of its report.

The evidence may be that of a worker of another version: what it lacks is left out of the mail, the verdict is not lost.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.config import Settings
from app.db.models import Change, Revision, Run
from app.db.queries.programs import list_programs
from app.db.queries.reports import changes_of_class
from app.domain.outcome import ChangeClass, Outcome, TestKey, Verdict
from app.domain.verdict import Counts
from app.domain.veristat import compare_programs
from app.report.facts import BlamedTest, BuildError, Complaint, First, Refusal, ReportFacts, Since, Tested
from app.report.programs import program_line
from app.services.patch_facts import load_patch_facts
from app.services.reproducing import config_url, load_recipe, public_source

BLAMED = (ChangeClass.REGRESSION, ChangeClass.NEW_FAILURE)


def load_facts(
    session: Session, settings: Settings, run: Run, revision: Revision, *, replaces: Verdict | None
) -> ReportFacts:
    """Return what a report on a judged run says; `replaces` is the verdict that was told before, if one was."""
    assert run.verdict is not None
    evidence, here = run.evidence, settings.public_url.rstrip("/")
    reasons = evidence.get("reasons", [])
    errors = tuple(_error(one) for one in evidence.get("build", {}).get("errors", []))
    refusal = _refusal(evidence.get("apply"))
    return ReportFacts(
        label=revision.label,
        root_id=revision.root_id,
        verdict=run.verdict,
        sentence=run.sentence or "",
        tested=_tested(session, run, revision, tree_url=_tree_url(settings, run.tree)),
        urls=(f"{here}/runs/{run.id}", f"{here}/series/{revision.series_id}"),
        config_url=config_url(session, settings, run),
        tests=tuple(_blamed(changes_of_class(session, run.id, BLAMED), reasons)),
        complaints=() if refusal or errors else tuple(_complaints(reasons)),
        refusal=refusal,
        errors=errors,
        since=_since(evidence),
        replaces=replaces,
        patches=load_patch_facts(session, run.id),
        recipe=load_recipe(session, settings, run, revision),
        contact=settings.lore.contact,
    )


def _tree_url(settings: Settings, name: str) -> str:
    """Return where others get a tree: its git URL, or the name of Debian's package."""
    source = public_source(settings, name)
    return f"Debian's {source.package}" if source.package else source.url


def _tested(session: Session, run: Run, revision: Revision, *, tree_url: str) -> Tested:
    evidence = run.evidence
    excused = (ChangeClass.NOT_RUN, ChangeClass.DISAPPEARED, ChangeClass.FLAKY, ChangeClass.IGNORED)
    of_class: dict[ChangeClass, list[tuple[str, str]]] = defaultdict(list)
    gone, skipped = list[str](), list[str]()
    for one in changes_of_class(session, run.id, excused):
        of_class[one.kind].append((str(_key(one)), one.reason or ""))
        if one.kind is ChangeClass.DISAPPEARED:
            (skipped if one.patched is Outcome.SKIP else gone).append(str(_key(one)))
    not_built = [(one["test"], one.get("reason") or "") for one in evidence.get("not_built", [])]
    return Tested(
        patches=revision.total,
        tree=run.tree,
        tree_url=tree_url,
        base_commit=run.base_commit,
        base_reason=run.base_reason,
        profile=run.profile,
        toolchain=run.toolchain,
        accelerator=evidence.get("accelerator", ""),
        compared=Counts(**evidence.get("counts", {})).compared,
        not_built=tuple(one for one in not_built if one[0] not in {*gone, *skipped}),
        not_run=tuple(name for name, _ in of_class[ChangeClass.NOT_RUN]),
        gone=tuple(dict.fromkeys(gone)),
        skipped=tuple(dict.fromkeys(skipped)),
        flaky=tuple(of_class[ChangeClass.FLAKY]),
        ignored=tuple(of_class[ChangeClass.IGNORED]),
        first=tuple(_first(run)),
        programs=_programs(session, run),
    )


def _programs(session: Session, run: Run) -> str:
    if run.baseline_id is None:
        return ""
    before, after = (list_programs(session, run_id) for run_id in (run.baseline_id, run.id))
    return program_line(compare_programs(before, after)) if before and after else ""


def _first(run: Run) -> Iterable[First]:
    for one in run.applied_first:
        yield First(
            text=f"{one.called}, which {one.problem}" if one.problem else f"{one.called}, {one.words}",
            message_ids=one.message_ids if one.applied else (),
            alone=one.alone,
        )


def _key(change: Change) -> TestKey:
    return TestKey(suite=change.test.suite, name=change.test.name, ordinal=change.ordinal)


def _blamed(changes: Iterable[Change], reasons: Sequence[Mapping[str, Any]]) -> Iterable[BlamedTest]:
    told = {TestKey(**one["key"]): one for one in reasons if one.get("key")}
    for change in changes:
        key = _key(change)
        why = told.get(key, {})
        yield BlamedTest(
            suite=key.suite,
            name=str(key),
            cls=change.kind,
            figures=change.reason or "",
            message=why.get("message") or "",
            excerpt=why.get("excerpt") or "",
        )


def _complaints(reasons: Sequence[Mapping[str, Any]]) -> Iterable[Complaint]:
    """What speaks for the verdict and is about no test: how the machine ended, what its kernel complained of."""
    found = (one for one in reasons if not one.get("key"))
    return (Complaint(title=one.get("text") or "", excerpt=one.get("excerpt") or "") for one in found)


def _refusal(apply: Mapping[str, Any] | None) -> Refusal | None:
    if not apply or "position" not in apply:
        return None
    return Refusal(
        position=apply["position"],
        title=apply.get("title") or "",
        git_said=apply.get("git_said") or "",
        hunk=apply.get("hunk") or "",
    )


def _error(one: Mapping[str, Any]) -> BuildError:
    return BuildError(
        file=one.get("file"),
        line=one.get("line"),
        message=one.get("message") or "",
        excerpt=one.get("excerpt") or "",
        position=one.get("patch"),
        title=one.get("patch_title") or "",
    )


def _since(evidence: Mapping[str, Any]) -> Since | None:
    since, label = evidence.get("since"), evidence.get("previous")
    if not since or not label:
        return None
    found = {
        which: tuple(str(TestKey(**key)) for key in since.get(which, ()))
        for which in ("fixed", "broken", "still_broken", "unknown")
    }
    return Since(label=label, **found, caveats=tuple(since.get("caveats", ())))
