"""Seeded harms and null revisions through the product's real line, on this machine: what was expected, what was said.

    python -m bench.harms [NAME ...] [--nulls] [--keep FOLDER]

Builds and boots for hours: each series takes as long as a revision does, patch by patch. Ends with 1 if anything is not
as it has to be.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.harms.catalogue import HARMS
from tests.harms.judging import first_bad, surprises
from tests.harms.nulls import nulls
from tests.harms.posting import post
from tests.harms.running import Court, Judged, base_texts, court, mails_of
from tests.harms.series import Expected, Harm

console = Console(width=180, highlight=False, soft_wrap=True)
CLEAN = Expected(verdict="clean", not_said=("regresses", "complain"))


async def run(harms: Sequence[Harm], *, with_nulls: bool, keep: Path | None) -> int:
    """Run the chosen ones one after the other; return how many were not judged as they deserve."""
    state = Path(tempfile.mkdtemp(prefix="rh-", dir="/tmp"))  # short enough for a Unix socket's path
    state.chmod(0o711)
    wrong = 0
    try:
        async with court(state) as there:
            for harm in harms:
                judged = await there.judged(harm.name, await mails_of(harm), runs=harm.runs)
                wrong += _say(harm.name, harm.story, harm.expected, judged, keep)
            wrong += await _nulls(there, keep) if with_nulls else 0
    finally:
        if keep:
            shutil.copytree(state / "logs", keep / "logs", dirs_exist_ok=True)
        shutil.rmtree(state, ignore_errors=True)
    return wrong


async def _nulls(there: Court, keep: Path | None) -> int:
    patches = nulls()
    texts = await base_texts(patches)
    wrong = 0
    for number, patch in enumerate(patches, start=1):
        name = f"null-{number}"
        mails = post(name, f"Null {number}", f"Nil{number} Null", [patch], texts)
        wrong += _say(name, patch.subject, CLEAN, await there.judged(name, mails), keep)
    return wrong


def _say(name: str, story: str, expected: Expected, runs: Sequence[Judged], keep: Path | None) -> int:
    """Print one row and what is wrong; return 1 if anything is."""
    found = surprises(expected, runs)
    last = runs[-1]
    blamed = [f"{one['name']} (patch {first_bad(last, one['name'])})" for one in last.verdict["blamed"]]
    console.print(f"{'WRONG' if found else 'right':<6}{name}: {story}", style="red" if found else "green", markup=False)
    for number, one in enumerate(runs, start=1):
        console.print(f"      {number}. {one.seconds:5.0f} s  {one.verdict['sentence']}", markup=False)
    console.print(f"      expected {expected.verdict}, {expected.blamed or 'no blame'}; blamed {blamed}", markup=False)
    for one in found:
        console.print(f"      - {one}", markup=False)
    if keep:
        _keep(keep / name, runs)
    return bool(found)


def _keep(folder: Path, runs: Sequence[Judged]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(runs, start=1):
        (folder / f"{number}.json").write_text(
            json.dumps({"run": one.run, "verdict": one.verdict, "changes": one.changes}, indent=1)
        )
        (folder / f"{number}.mails.txt").write_text("\n=====\n".join(one.mails))


def main() -> None:
    """Read the command line and run."""
    names = [harm.name for harm in HARMS]
    parser = argparse.ArgumentParser(prog="python -m bench.harms", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("harms", nargs="*", metavar="NAME", help=f"all unless named: {', '.join(names)}")
    parser.add_argument("--nulls", action="store_true", help="ten revisions that change a comment; alone unless named")
    parser.add_argument("--keep", type=Path, help="a folder for what the API said, the mails and the logs")
    chosen = parser.parse_args()
    unknown = set(chosen.harms) - set(names)
    if unknown:
        parser.error(f"there is no harm {', '.join(sorted(unknown))}")
    everything = not chosen.harms and not chosen.nulls
    harms = [harm for harm in HARMS if everything or harm.name in chosen.harms]
    wrong = asyncio.run(run(harms, with_nulls=chosen.nulls or everything, keep=chosen.keep))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
