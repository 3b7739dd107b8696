"""What git says of a revision beside the ones before and after it; made once the patches are applied."""

from functools import partial

import structlog

from app.errors import FencedError
from app.services import differences
from app.services.execution import Job
from workers.ports import Checkout, Differ, Span
from workers.recorder import Recorder

log = structlog.get_logger(__name__)


async def compare_with_neighbours(differ: Differ, recorder: Recorder, checkout: Checkout, job: Job) -> None:
    """Have `git range-diff` made with each neighbour that was applied to the same tree, and store it.

    With the one after as well: with several workers it may have been applied before. Trouble is logged and passed over:
    the pages compare patch against patch then, and the run goes on.

    Raises:
        FencedError: another attempt has taken this run over.
    """
    if not job.patches:
        return
    try:
        for old, new in recorder.write(lambda session: differences.to_compare(session, job.run_id)):
            spans = [Span(below=one.below, commit=one.commit) for one in (old, new)]
            text = await differ.range_diff(checkout.source, *spans)
            if text is None:
                log.info("no range-diff: applied on another machine", run=job.run_id, old=old.commit, new=new.commit)
            else:
                recorder.write(partial(differences.store, old=old, new=new, text=text))
    except FencedError:
        raise
    except Exception as error:  # noqa: BLE001 - nobody's run may fail for want of a comparison
        log.warning("no range-diff could be made", run=job.run_id, error=str(error))
