"""apply: the revision's patches on the base."""

from app.domain.message import parse_message, patch_mail
from app.errors import PatchDoesNotApplyError
from app.services.execution import Job
from workers.ports import Checkout
from workers.recorder import StepRecord


async def apply(record: StepRecord, checkout: Checkout, job: Job) -> str:
    """Apply the patches in order, none for a baseline; return the commit of the resulting tree.

    Raises:
        PatchDoesNotApplyError: git refused one; the step's detail holds position, title, git's words and the hunk.
    """
    try:
        commit = await apply_mails(checkout, job)
    except PatchDoesNotApplyError as error:
        refused = job.patches[error.position - 1]
        record.detail = {
            "position": refused.position,
            "title": refused.title,
            "git_said": error.git_said,
            "hunk": error.hunk,
        }
        raise
    count = len(job.patches)
    what = f"{count} {'patch' if count == 1 else 'patches'} on" if count else "nothing on"
    record.summary = f"{what} {job.base_commit[:12]} ({job.base_reason})"
    return commit


async def apply_mails(checkout: Checkout, job: Job) -> str:
    """Hand a revision's mails to git; return the commit of the patched tree.

    Raises:
        PatchDoesNotApplyError: git refused one.
    """
    return await checkout.am([patch_mail(parse_message(patch.raw)) for patch in job.patches])
