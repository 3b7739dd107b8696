"""What the steps ask of the outside world; `workers/adapters/` answers, tests may answer otherwise.

All calls are coroutines that start no database transaction. Sinks take bytes as they stream and must not block.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.config import ProfileSettings, TreeSettings

Sink = Callable[[bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The commit that patches go on (40 hex digits), and why this one."""

    commit: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a build leaves for the machine: `folder` holds `bzImage`, `vmlinux` and `selftests/`; kept by `key`.

    `not_built` are the wanted tests that the tree could not build, each with the reason.
    """

    key: str
    folder: Path
    tests: tuple[str, ...]
    not_built: tuple[tuple[str, str], ...]
    toolchain: dict[str, str]


class Ending(StrEnum):
    """How a machine's life ended."""

    FINISHED = "finished"
    NO_BOOT = "no boot"
    PANIC = "panic"
    SILENT = "silent"
    TIME_LIMIT = "time limit"
    DIED = "died"


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One life of one machine: `booted_s` is wall seconds to userspace (None: never), `accelerator` kvm or tcg."""

    ending: Ending
    booted_s: float | None
    wall_s: float
    accelerator: str


class Checkout(Protocol):
    """A worktree and its object folder, held by one run at a time, at a base commit."""

    base: Base
    source: Path

    async def am(self, mails: Sequence[bytes]) -> str:
        """Apply the mails in order with `git am --3way`; return the commit of the result.

        Raises:
            PatchDoesNotApplyError: git refused one; the worktree is back at the base.
        """


class Trees(Protocol):
    """The kernel trees on this host."""

    async def resolve(self, tree: TreeSettings, requested: str | None) -> Base:
        """Return `requested` (a `base-commit:`) where the tree has it, else the tree's default, with the reason.

        Raises:
            InfrastructureError: the tree cannot be fetched or its ref does not exist.
        """

    def checkout(self, tree: TreeSettings, base: Base) -> AbstractAsyncContextManager[Checkout]:
        """Hold a worktree of `tree` at `base`, clean; waits while other runs hold all of them."""


class Builder(Protocol):
    """Turns a checkout into an image."""

    async def build(
        self, checkout: Checkout, profile: ProfileSettings, *, files: Sequence[str], key: str, log: Sink
    ) -> Image:
        """Build kernel and selected selftests, in the sandbox; `files` are the paths that the selection follows.

        Raises:
            BuildFailedError: the tree does not build (the log, given to `log`, says why).
            InfrastructureError: a tool is missing, the disk is full, the time limit of the whole passed.
        """


class Machine(Protocol):
    """Boots images."""

    async def run(
        self, image: Image, profile: ProfileSettings, *, tests: Sequence[str], console: Sink, results: Sink
    ) -> Boot:
        """Boot once, run `tests` of test_progs, and stream both ports until the machine ends.

        Raises:
            InfrastructureError: QEMU itself would not start.
        """
