"""What a series needs, applied before it: for its run and for the baseline alike."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from app.domain.message import parse_message, patch_mail
from app.domain.patch_id import patch_id
from app.domain.prerequisite import AppliedFirst
from app.errors import PatchDoesNotApplyError
from app.services.execution import Job, JobPatch, JobPrerequisite
from workers.ports import Checkout

TELLING_WORDS = 4
"""Shorter titles ("bpf: fix typo") say nothing of which patch it is."""


async def apply_first(checkout: Checkout, job: Job) -> list[dict[str, object]]:
    """Apply a job's prerequisites in order, each whole or not at all; return what became of each, as stored.

    Raises:
        InfrastructureError: git could not be run.
    """
    unknown = [one.patch_id for one in job.first if one.patch_id]
    in_tree = await checkout.commits_of(unknown) if unknown else {}
    return [asdict(await _apply_one(checkout, one, in_tree)) for one in job.first]


async def _apply_one(checkout: Checkout, one: JobPrerequisite, in_tree: Mapping[str, str]) -> AppliedFirst:
    if one.patch_id in in_tree:
        return _became(one, present=1)
    if one.problem:
        return _became(one, problem=one.problem)
    if await checkout.holds(_text(one.patches)):
        return _became(one, present=len(one.patches))
    before = head = await checkout.head()
    present = 0
    taken: frozenset[JobPatch] | None = None
    for patch in one.patches:
        try:
            after = await checkout.am([patch_mail(parse_message(patch.raw))])
        except PatchDoesNotApplyError as error:
            taken = await _taken(checkout, one.patches) if taken is None else taken
            if patch not in taken and not await checkout.holds(_text([patch])):
                await checkout.to(before)
                said = f"patch {patch.position} ({patch.title}) is refused by {checkout.base.commit[:12]}"
                return _became(one, problem=f"does not apply: {said}; git said: {error.git_said}")
            present += 1
        else:
            # git-am(1) passes over a patch that changes nothing any more.
            present += after == head
            head = after
    return _became(one, applied=len(one.patches) - present, present=present)


async def _taken(checkout: Checkout, patches: Sequence[JobPatch]) -> frozenset[JobPatch]:
    """Return those that the base's history has: by patch-id, or by a telling title, for who takes a patch may edit it.

    What came after it may have changed the same lines, so that it can neither be applied nor undone.
    """
    ids = {patch: patch_id(patch.diff) for patch in patches}
    same = await checkout.commits_of({known for known in ids.values() if known})
    titles = {patch.title for patch in patches if len(patch.title.split()) >= TELLING_WORDS}
    called = await checkout.commits_called(titles) if titles else {}
    return frozenset(patch for patch in patches if ids[patch] in same or patch.title in called)


def _text(patches: Sequence[JobPatch]) -> str:
    return "".join(patch.diff if patch.diff.endswith("\n") else f"{patch.diff}\n" for patch in patches)


def _became(one: JobPrerequisite, *, applied: int = 0, present: int = 0, problem: str = "") -> AppliedFirst:
    return AppliedFirst(
        named=one.named,
        called=one.called,
        root_id=one.root_id,
        patches=len(one.patches) or present,
        applied=applied,
        present=present,
        problem=problem,
    )
