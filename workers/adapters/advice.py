"""What the tree's own scripts say of patches: checkpatch.pl's remarks, and whom get_maintainer.pl names.

The scripts are the base's, run in the sandbox: patches are hostile input to them.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from workers.adapters.sandbox import Bind
from workers.adapters.workshop import SOURCE, Workshop
from workers.ports import PatchAdvice

PLACE = "/build/patches"
MOST_REMARKS = 50
MOST_PEOPLE = 50
MOST_BYTES = 200_000
_CHECKPATCH = "checkpatch"
_MAINTAINERS = "get_maintainer"

# A line before the output of each, that no script writes; 126, 127: there is no perl, or no script.
ASK = f"""
cd {SOURCE}
for patch in {PLACE}/*; do
  echo "reroll: {_CHECKPATCH} $(basename "$patch")"
  perl scripts/checkpatch.pl --terse --no-summary --show-types --no-color "$patch" && code=0 || code=$?
  echo "reroll: exit $code"
  echo "reroll: {_MAINTAINERS} $(basename "$patch")"
  perl scripts/get_maintainer.pl --nogit --nogit-fallback --norolestats --nomoderated "$patch" 2>/dev/null \\
    && code=0 || code=$?
  echo "reroll: exit $code"
done
"""


async def advise(job: Workshop, patches: Sequence[bytes]) -> tuple[PatchAdvice, ...]:
    """Return what the scripts of the tree in the workshop say of each patch (a mail).

    Raises:
        InfrastructureError: the sandbox cannot be made, or the time of the whole has passed.
    """
    said = bytearray()

    def take(data: bytes) -> None:
        said.extend(data[: max(0, MOST_BYTES * len(patches) - len(said))])

    with tempfile.TemporaryDirectory(prefix="reroll-patches-") as folder:
        bind = Bind(source=_write(Path(folder), patches), target=PLACE)
        await replace(job, log=take).run("advice", ASK, binds=[bind], fail=False)
    return read(said.decode("utf-8", "replace"), len(patches))


def _write(place: Path, patches: Sequence[bytes]) -> Path:
    place.chmod(0o755)
    for number, mail in enumerate(patches, start=1):
        (place / f"{number:04}").write_bytes(mail)
    return place


def read(said: str, count: int) -> tuple[PatchAdvice, ...]:
    """Read what ASK wrote about `count` patches."""
    found: dict[tuple[str, int], list[str]] = {}
    ends: dict[tuple[str, int], int] = {}
    at: tuple[str, int] | None = None
    for line in said.split("\n"):
        words = line.split()
        if line.startswith("reroll: ") and len(words) == 3 and words[2].isdecimal():
            if words[1] != "exit":
                at = (words[1], int(words[2]))
                found[at] = []
            elif at is not None:
                ends[at], at = int(words[2]), None
        elif at is not None and line.strip():
            found[at].append(line.strip())
    return tuple(
        PatchAdvice(
            remarks=_remarks(found.get((_CHECKPATCH, number), []), ends.get((_CHECKPATCH, number))),
            people=_people(found.get((_MAINTAINERS, number), []), ends.get((_MAINTAINERS, number))),
        )
        for number in range(1, count + 1)
    )


def _remarks(lines: Sequence[str], code: int | None) -> tuple[str, ...] | None:
    """checkpatch exits with 1 where it has something to say."""
    if code not in {0, 1} or (code == 1 and not lines):
        return None
    remarks = (line.removeprefix(f"{PLACE}/").partition(":")[2].strip() for line in lines if line.startswith(PLACE))
    return tuple(remark[:400] for remark in remarks)[:MOST_REMARKS]


def _people(lines: Sequence[str], code: int | None) -> tuple[str, ...] | None:
    if code != 0:
        return None
    return tuple(line[:200] for line in lines if "@" in line)[:MOST_PEOPLE]
