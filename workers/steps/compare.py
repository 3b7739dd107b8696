"""What git says of a revision beside the ones before and after it; made once the patches are applied."""

from functools import partial

import structlog

from app.errors import FencedError
from app.services import differences
from app.services.differences import Applied
from app.services.execution import Job, load_job
from workers.ports import Checkout, Differ, Span
from workers.recorder import Recorder
from workers.steps.apply import patched_tree

log = structlog.get_logger(__name__)


async def compare_with_neighbours(
    differ: Differ, recorder: Recorder, checkout: Checkout, *, job: Job, commit: str
) -> None:
    """Have `git range-diff` made with each neighbour that was applied to the same tree, and store it.

    `commit` is what the checkout is at, and is left at: the job's patches applied. With the neighbour after it as well:
    with several workers that may have been applied before. Trouble is logged and passed over: the pages compare patch
    against patch then, and the run goes on.

    Raises:
        FencedError: another attempt has taken this run over.
        InfrastructureError: the checkout cannot be brought back to what it was at.
    """
    if not job.patches:
        return
    try:
        for old, new in recorder.write(lambda session: differences.to_compare(session, job.run_id)):
            spans = [Span(below=one.below, commit=one.commit) for one in (old, new)]
            text = await differ.range_diff(checkout.source, *spans)
            lost = old if new.commit == commit else new
            if text is None and await _applied_again(recorder, checkout, lost, commit=commit):
                text = await differ.range_diff(checkout.source, *spans)
            if text is not None:
                recorder.write(partial(differences.store, old=old, new=new, text=text))
    except FencedError:
        raise
    except Exception as error:  # noqa: BLE001 - nobody's run may fail for want of a comparison
        log.warning("no range-diff could be made", run=job.run_id, error=str(error))
        await checkout.to(commit)


async def _applied_again(recorder: Recorder, checkout: Checkout, lost: Applied, *, commit: str) -> bool:
    """Apply what another machine applied, or what was forgotten here for its age; return to `commit`."""
    await checkout.to(lost.base)
    again = await patched_tree(checkout, recorder.write(lambda session: load_job(session, lost.run_id)))
    await checkout.to(commit)
    if again != lost.commit:
        log.warning("applied again it is another commit", run=lost.run_id, was=lost.commit, now=again)
    return again == lost.commit
