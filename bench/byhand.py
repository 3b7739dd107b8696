"""Threads as they lie in an archive, by the pipeline and by hand: is every test's result the same?

    python -m bench.byhand MBOX...

Each MBOX is a thread as public-inbox gives it (`t.mbox.gz`, or the same unpacked); several may be revisions of one
series. By hand means bench/by_hand.sh: git am, make, QEMU; its results are read with grep and not by the product.
"""

import argparse
import asyncio
import gzip
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.db.models import Result, Run
from app.demo.world import running
from app.domain.message import parse_message, split_mbox
from app.domain.outcome import Outcome
from app.services import tracking
from bench.revision import World, apart, by_hand
from tests.harms.running import at_rest

SUITE = "test_progs"
SAID = {Outcome.PASS: "OK", Outcome.SKIP: "SKIP", Outcome.FAIL: "FAIL", Outcome.ERROR: "FAIL"}
MOST_SHOWN = 10
# The second line of each failure, in the summary at the end, says the same; of `OK (SKIP: 1/5)` the first word counts.
READ = r"""grep -aE '^#[0-9]+(/[0-9]+)? +.*:(OK|FAIL|SKIP)( \(.*\))?$' "$1" |
sed -E 's/^#[0-9]+(\/[0-9]+)? +//; s/:(OK|FAIL|SKIP)( \(.*\))?$/\t\1/' | LC_ALL=C sort -u"""

console = Console(width=160, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One revision's results both ways, as (test, OK|FAIL|SKIP)."""

    name: str
    sentence: str
    pipeline: frozenset[tuple[str, str]]
    hand: frozenset[tuple[str, str]]
    seconds: float

    @property
    def differ(self) -> list[str]:
        """What is not the same, a line each."""
        only = [("pipeline", self.pipeline - self.hand), ("by hand", self.hand - self.pipeline)]
        return [f"only {side}: {test} {word}" for side, rows in only for test, word in sorted(rows)]


async def compare(paths: Sequence[Path]) -> int:
    """Print a row a revision; return how many differ."""
    threads = [_mails(path) for path in paths]
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="rb-") as folder:
        Path(folder).chmod(0o711)
        every = [mail for mails in threads for mail in mails]
        async with running(Path(folder), every, profile={"patches": "off"}) as there:
            with there.sessions.begin() as session:
                for mails in threads:
                    tracking.track(session, parse_message(mails[0]).message_id, requested_by="bench")
            await at_rest(there)
            with there.sessions() as session:
                wanted = select(Run.id).where(Run.revision_id.is_not(None)).order_by(Run.id)
                found = session.scalars(wanted).all()
            for run_id in found:
                world = World(use=there.use, sessions=there.sessions, run_id=run_id)
                wrong += _say(await _both(world, Path(folder) / f"hand-{run_id}"))
    return wrong


async def _both(world: World, place: Path) -> Compared:
    """Do one revision's run again by hand."""
    with world.sessions() as session:
        run = session.get_one(Run, world.run_id, options=[joinedload(Run.revision)])
        rows = session.scalars(
            select(Result)
            .where(Result.run_id == run.id, Result.attempt == run.results_attempt, Result.boot == 0)
            .options(joinedload(Result.test))
        )
        told = frozenset((row.test.name, SAID[row.outcome]) for row in rows if row.test.suite == SUITE)
        name = f"{run.revision.title} {run.revision.label}" if run.revision else ""
        sentence, image = run.sentence or "", run.evidence.get("image")
    if image is None:
        return Compared(name=name, sentence=sentence, pipeline=told, hand=frozenset(), seconds=0)
    hand = await apart(world, place)
    seconds, _ = await by_hand(world, hand)
    stream = place / "copies" / "stage" / "results"
    rows_by_hand = _read(stream)
    shutil.rmtree(place)
    return Compared(name=name, sentence=sentence, pipeline=told, hand=rows_by_hand, seconds=seconds)


def _read(stream: Path) -> frozenset[tuple[str, str]]:
    """Return what grep finds in the output of test_progs."""
    done = subprocess.run(["sh", "-c", READ, "read", str(stream)], check=True, capture_output=True, text=True)
    pairs = (line.rpartition("\t") for line in done.stdout.splitlines())
    return frozenset((test, word) for test, _, word in pairs)


def _mails(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    return list(split_mbox(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw))


def _say(one: Compared) -> int:
    words = "the same" if not one.differ else f"{len(one.differ)} DIFFER"
    console.print(f"{one.name}: {len(one.hand)} tests by hand in {one.seconds:.0f} s, {words}; {one.sentence}")
    for line in one.differ[:MOST_SHOWN]:
        console.print(f"  {line}")
    return bool(one.differ)


def main() -> None:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(prog="python -m bench.byhand", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("threads", nargs="+", type=Path, metavar="MBOX")
    sys.exit(1 if asyncio.run(compare(parser.parse_args().threads)) else 0)


if __name__ == "__main__":
    main()
