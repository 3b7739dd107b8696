"""The object store of a bare repository: packed now and then, nothing in it lost that a run may need again.

git's own rules (git-gc(1)) say when packing is due and what may go: objects that nothing refers to, two weeks old.
Worktrees refer to what is checked out in them; `refs/reroll/` refers to the bases of runs, which a tree that is rebased
forgets.
"""

from datetime import timedelta
from pathlib import Path

from workers.adapters.git_command import Git

REPACK = timedelta(hours=2)
LOOSE = 6700
"""Loose objects that are not worth packing: git's own measure."""
_OPTIONS = (
    f"gc.auto={LOOSE}",
    "gc.autoDetach=false",
    # A whole kernel history stays one pack and is not written anew; what came since is packed beside it.
    "gc.bigPackThreshold=512m",
    "pack.threads=1",
    "pack.windowMemory=256m",
)


async def keep(git: Git, repository: Path, commit: str) -> None:
    """Let a base be found again for as long as the repository lives, whatever becomes of the tree's branches.

    Raises:
        InfrastructureError: git cannot.
    """
    await git.must("update-ref", f"refs/reroll/{commit}", commit, cwd=repository)


async def repack(git: Git, repository: Path) -> None:
    """Pack loose objects where that is due; the caller holds the repository's lock.

    Safe while others apply patches: what they make is young, and git looks again where an object has moved to a pack.

    Raises:
        InfrastructureError: git cannot, or it takes longer than two hours.
    """
    drop_stale_locks(repository)
    options = [part for option in _OPTIONS for part in ("-c", option)]
    # Forced, as gc.pid would be that of a namespace which is gone; our own lock keeps another one out.
    await git.must(*options, "gc", "--auto", "--quiet", "--force", cwd=repository, wall=REPACK)


def drop_stale_locks(repository: Path) -> None:
    """Delete the lock files of a git that was killed; the caller holds the lock that keeps another one out."""
    for pattern in ("*.lock", "refs/heads/**/*.lock", "refs/tags/**/*.lock"):
        for stale in repository.glob(pattern):
            stale.unlink(missing_ok=True)
