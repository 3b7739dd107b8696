"""A worker's builds in a process of its own, for tests: `python -m ... UPSTREAM BASE PLACE NAME ROUNDS`.

It wants all room for itself: whatever nobody uses is cleared before each build of a base. Prints a JSON object a round.
"""

import asyncio
import json
import sys
from functools import partial
from pathlib import Path

from app.config import ProfileSettings, TreeSettings
from workers.adapters import clearing
from workers.adapters.git import Trees
from workers.adapters.kbuild import Builder


async def main(upstream: str, base: str, place: Path, name: str, rounds: int) -> None:
    """Build the base `rounds` times, each time with another selection, and say what became of it."""
    clearing.clear = partial(clearing.clear, most_bytes=1, room_bytes=0)
    builder, trees = Builder(place / "cache"), Trees(place / "trees")
    tree = TreeSettings(name="toy", url=upstream, ref=base)
    for number in range(rounds):
        log = bytearray()
        core = ("good", "other") if number % 2 else ("good",)
        profile = ProfileSettings(config=(str(place / "toy.config"),), core=core, jobs=2)
        async with trees.checkout(tree, await trees.resolve(tree, None)) as checkout:
            key = f"{name}{number}"
            image = await builder.build(checkout, profile, files=[], key=key, log=log.extend)
        counts = {
            "kernels": log.count(b"COMPILED core.c"),
            "selftests": log.count(b"building the selftests of the unpatched base"),
        }
        parts = sorted(path.name for path in image.folder.iterdir())
        sys.stdout.write(json.dumps({**counts, "tests": image.tests, "parts": parts}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4], int(sys.argv[5])))
