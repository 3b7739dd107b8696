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


async def compare_with_neighbours(differ: Differ, recorder: Recorder, checkout: Checkout, job: Job) -> None:
    """Have `git range-diff` made with each neighbour that was applied to the same tree, and store it.

    With the one after as well: with several workers it may have been applied before. Trouble is logged and passed over:
    the pages compare patch against patch then, and the run goes on.

    Raises:
        FencedError: another attempt has taken this run over.
        InfrastructureError: the checkout cannot be brought back to what it was at.
    """
    if not job.patches:
        return
    here = await checkout.head()
    try:
        for old, new in recorder.write(lambda session: differences.to_compare(session, job.run_id)):
            text = await _range_diff(differ, recorder, checkout, old, new)
            if text is not None:
                recorder.write(partial(differences.store, old=old, new=new, text=text))
    except FencedError:
        raise
    except Exception as error:  # noqa: BLE001 - nobody's run may fail for want of a comparison
        log.warning("no range-diff could be made", run=job.run_id, error=str(error))
        await checkout.to(here)


async def _range_diff(differ: Differ, recorder: Recorder, checkout: Checkout, old: Applied, new: Applied) -> str | None:
    """Ask git; what another machine applied, or was forgotten here for its age, is applied again first."""
    spans = [Span(below=one.below, commit=one.commit) for one in (old, new)]
    text = await differ.range_diff(checkout.source, *spans)
    if text is not None:
        return text
    here = await checkout.head()
    other = old if here == new.commit else new
    await checkout.to(other.base)
    again = await patched_tree(checkout, recorder.write(lambda session: load_job(session, other.run_id)))
    await checkout.to(here)
    if again != other.commit:
        log.warning("applied again it is another commit", run=other.run_id, was=other.commit, now=again)
        return None
    return await differ.range_diff(checkout.source, *spans)
