"""apply: what a revision needs, then its own patches, on the base."""

from app.domain.message import parse_message, patch_mail
from app.errors import PatchDoesNotApplyError
from app.services.execution import Job
from workers.ports import Checkout
from workers.recorder import StepRecord
from workers.steps.first import apply_first


async def apply(record: StepRecord, checkout: Checkout, job: Job) -> str:
    """Apply prerequisites and patches in order, no patches for a baseline; return the commit of the resulting tree.

    The step's detail says under `first` what became of each prerequisite; `below` and `commit` are what the series' own
    patches lie on and their result, 40 hex digits each.

    Raises:
        PatchDoesNotApplyError: git refused a patch of the series; the step's detail holds position, title, git's words
            and the hunk.
    """
    first = await apply_first(checkout, job)
    if first:
        record.detail = {"first": first}
    below = await checkout.head()
    try:
        commit = await _apply_own(checkout, job)
    except PatchDoesNotApplyError as error:
        refused = job.patches[error.position - 1]
        record.detail |= {
            "position": refused.position,
            "title": refused.title,
            "git_said": error.git_said,
            "hunk": error.hunk,
        }
        raise
    record.detail |= {"below": below, "commit": commit}
    count = len(job.patches)
    what = f"{count} {'patch' if count == 1 else 'patches'} on" if count else "nothing on"
    added = [str(one["called"]) for one in first if one["applied"]]
    after = f", after {', '.join(added)}" if added else ""
    record.summary = f"{what} {job.base_commit[:12]} ({job.base_reason}){after}"
    return commit


async def patched_tree(checkout: Checkout, job: Job) -> str:
    """Apply prerequisites and patches as for a run; return the commit of the patched tree.

    Raises:
        PatchDoesNotApplyError: git refused a patch of the series.
    """
    await apply_first(checkout, job)
    return await _apply_own(checkout, job)


async def base_tree(checkout: Checkout, job: Job) -> str:
    """Apply the prerequisites alone, as for a baseline; return the commit of that tree."""
    await apply_first(checkout, job)
    return await checkout.head()


async def _apply_own(checkout: Checkout, job: Job) -> str:
    return await checkout.am([patch_mail(parse_message(patch.raw)) for patch in job.patches])
