"""v1 to v4 of the example with one baseline for all, against four revisions by hand, each with the base beside it.

Nobody runs the base beside a revision that does not build.
"""

import shutil
import tempfile
import time
from pathlib import Path

from rich.console import Console
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.db.models import Run
from app.demo.run import example_mails, newest_message_id
from app.demo.world import World as Stack
from app.demo.world import running
from app.services import tracking
from bench.revision import World, apart, by_hand, until_done

MOST_RATIO = 0.8
RUNS = 5
"""Four revisions and their baseline."""


async def measure_shared() -> bool:
    """Print seconds each way, and their ratio; kernel and selftests of the base are built before either begins.

    Return whether the ratio is at most MOST_RATIO.
    """
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="rb-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        async with running(folder / "a", example_mails()) as there:
            await _judged(there)
            manual = await _four_by_hand(there, folder / "hand", console)
            _forget_images(there)
        async with running(folder / "b", example_mails()) as there:
            pipeline = await _judged(there)
            console.print(f"  v1 to v4 by the pipeline: {pipeline:.1f} s")
    console.print(f"v1..v4, pipeline / by hand = {pipeline / manual:.2f} (at most {MOST_RATIO})")
    return pipeline / manual <= MOST_RATIO


async def _judged(there: Stack) -> float:
    """Track the newest revision, which brings the others; return the seconds until all are judged."""
    started = time.perf_counter()
    with there.sessions.begin() as session:
        tracking.track(session, newest_message_id(), requested_by="bench")
    await until_done(there.sessions, at_least=RUNS)
    return time.perf_counter() - started


async def _four_by_hand(there: Stack, place: Path, console: Console) -> float:
    place.mkdir()
    with there.sessions() as session:
        wanted = select(Run).where(Run.revision_id.is_not(None)).options(joinedload(Run.revision)).order_by(Run.id)
        runs = [
            (run.id, run.revision.label, bool(run.evidence.get("built")))
            for run in session.scalars(wanted)
            if run.revision
        ]
    seconds = 0.0
    for run_id, label, builds in runs:
        world = World(use=there.use, sessions=there.sessions, run_id=run_id)
        hand = await apart(world, place / label)
        took, said = await by_hand(world, hand, builds=builds)
        console.print(f"  {label} by hand: {took:.1f} s ({said})")
        seconds += took
        shutil.rmtree(hand.place)
        if builds:
            hand = await apart(world, place / label, patched=False)
            took, said = await by_hand(world, hand)
            console.print(f"  the base beside it: {took:.1f} s ({said})")
            seconds += took
            shutil.rmtree(hand.place)
    console.print(f"  v1 to v4 by hand: {seconds:.1f} s")
    return seconds


def _forget_images(there: Stack) -> None:
    """Remove what was kept of these runs; objects of the base stay, as they do for the work by hand."""
    with there.sessions() as session:
        keys = {run.evidence.get("image") for run in session.scalars(select(Run))} - {None}
    for key in keys:
        shutil.rmtree(there.use.cache_dir / "images" / str(key), ignore_errors=True)
