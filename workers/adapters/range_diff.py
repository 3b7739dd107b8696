"""git-range-diff(1) between revisions that were applied to one tree.

Their commits need no names to be kept by: the same patches on the same base give the same commit again.
"""

from datetime import timedelta
from pathlib import Path

from app.errors import InfrastructureError
from workers.adapters.git_command import Git
from workers.ports import Span

WALL = timedelta(seconds=30)
MOST_BYTES = 4_000_000
MOST_PAIRS = 40_000
"""Commits of the one times commits of the other: git compares each with each."""


class Differ:
    """Asks git what differs between revisions."""

    def __init__(self, git: Git) -> None:
        self._git = git

    async def range_diff(self, source: Path, old: Span, new: Span) -> str | None:
        """Return what `git range-diff` writes in the worktree `source`; None if this host lacks one of the commits.

        Raises:
            InfrastructureError: git failed, took longer than 30 s or wrote more than 4 MB.
        """
        spans = [f"{span.below}..{span.commit}" for span in (old, new)]
        counts = [await self._count(source, span) for span in spans]
        if None in counts:
            return None
        words = ("range-diff", "--no-color", "--no-notes", *spans)
        pairs = (counts[0] or 0) * (counts[1] or 0)
        if pairs > MOST_PAIRS:
            raise InfrastructureError(f"git {' '.join(words)} would compare {pairs:,} pairs of commits: too many")
        output = await self._git.must(*words, cwd=source, wall=WALL)
        if len(output) > MOST_BYTES:
            raise InfrastructureError(f"git {' '.join(words)} wrote {len(output):,} bytes: too many to keep")
        return output.decode(errors="replace")

    async def _count(self, source: Path, span: str) -> int | None:
        code, output = await self._git.run("rev-list", "--count", span, "--", cwd=source)
        return int(output) if code == 0 else None
