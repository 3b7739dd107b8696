"""Seeded harms and null revisions through the product's real line, on this machine: what was expected, what was said.

    python -m bench.harms [NAME ...] [--nulls] [--keep FOLDER]

Builds and boots for hours: each series takes as long as a revision does, patch by patch. Ends with 1 if anything is not
as it has to be.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import httpx
from rich.console import Console

from tests.harms.catalogue import HARMS
from tests.harms.judging import first_bad, shown, surprises
from tests.harms.nulls import nulls
from tests.harms.posting import post
from tests.harms.running import Court, Judged, base_texts, court, mails_of
from tests.harms.series import Expected, Harm

console = Console(width=180, highlight=False, soft_wrap=True)
Ways = tuple[tuple[str, ...], str]
"""Fragments of configuration, and what is done with each patch."""

PLAIN: Ways = ((), "build")
TROUBLE = (LookupError, TimeoutError, httpx.HTTPError)
"""What keeps one series from being judged, and the others not."""

CLEAN = Expected(verdict="clean", not_said=("regresses", "complain"))


async def run(harms: Sequence[Harm], *, with_nulls: bool, keep: Path | None) -> int:
    """Run the chosen ones one after the other; return how many were not judged as they deserve.

    Those that want to be tested in the same ways share one database, archive and worker.
    """
    wrong = 0
    alike = list(dict.fromkeys([*(_ways(harm) for harm in harms), *([PLAIN] if with_nulls else [])]))
    for ways in alike:
        async with _court(ways, keep) as there:
            for harm in (one for one in harms if _ways(one) == ways):
                try:
                    judged = await there.judged(
                        harm.name, await mails_of(harm), runs=harm.runs, seen=partial(shown, harm.expected)
                    )
                except TROUBLE as error:
                    console.print(f"WRONG {harm.name}: {type(error).__name__}: {error}", style="red", markup=False)
                    wrong += 1
                else:
                    wrong += await _say(there, harm.name, harm.story, harm.expected, judged, keep)
            if with_nulls and ways == PLAIN:
                wrong += await _nulls(there, keep)
    return wrong


def _ways(harm: Harm) -> Ways:
    return harm.config, harm.patches


@contextlib.asynccontextmanager
async def _court(ways: Ways, keep: Path | None) -> AsyncIterator[Court]:
    state = Path(tempfile.mkdtemp(prefix="rh-", dir="/tmp"))  # short enough for a Unix socket's path
    state.chmod(0o711)
    try:
        async with court(state, config=ways[0], patches=ways[1]) as there:
            yield there
    finally:
        if keep:
            shutil.copytree(state / "logs", keep / "-".join(("logs", ways[1], *ways[0])), dirs_exist_ok=True)
        shutil.rmtree(state, ignore_errors=True)


async def _nulls(there: Court, keep: Path | None) -> int:
    patches = nulls()
    texts = await base_texts(patches)
    wrong = 0
    for number, patch in enumerate(patches, start=1):
        name = f"null-{number}"
        mails = post(name, f"Null {number}", f"Nil{number} Null", [patch], texts)
        wrong += await _say(there, name, patch.subject, CLEAN, await there.judged(name, mails), keep)
    return wrong


async def _say(
    there: Court, name: str, story: str, expected: Expected, runs: Sequence[Judged], keep: Path | None
) -> int:
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
        for label, log in (await there.logs(last.run)).items():
            (keep / name / f"{label}.log").write_text(log)
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
