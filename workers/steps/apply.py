"""apply: the revision's patches on the base."""

from app.domain.message import parse_message, patch_mail
from app.errors import PatchDoesNotApplyError
from app.services.execution import Job
from workers.ports import Checkout
from workers.recorder import StepRecord


async def apply(record: StepRecord, checkout: Checkout, job: Job) -> str:
    """Apply the patches in order; return the commit of the patched tree.

    Raises:
        PatchDoesNotApplyError: git refused one; the step's detail holds position, title, git's words and the hunk.
    """
    mails = [patch_mail(parse_message(patch.raw)) for patch in job.patches]
    try:
        commit = await checkout.am(mails)
    except PatchDoesNotApplyError as error:
        refused = job.patches[error.position - 1]
        record.detail = {
            "position": refused.position,
            "title": refused.title,
            "git_said": error.git_said,
            "hunk": error.hunk,
        }
        raise
    base = job.base_commit[:12]
    record.summary = f"{len(mails)} {'patch' if len(mails) == 1 else 'patches'} on {base} ({job.base_reason})"
    return commit
