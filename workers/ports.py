"""What the steps ask of the outside world; `workers/adapters/` answers, tests may answer otherwise.

All calls are coroutines that start no database transaction. Sinks take bytes as they stream and must not block.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.config import ProfileSettings, TreeSettings
from app.domain.artifact import ArtifactKind
from app.domain.attestation import Signature
from app.domain.console import ConsoleEvent
from app.domain.patches import Part
from app.errors import InfrastructureError
from app.services.artifacts import Content

Sink = Callable[[bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The commit that patches go on (40 hex digits), and why this one."""

    commit: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a build leaves for the machine; kept by `key`, an ASCII word.

    `folder` holds `bzImage`, `vmlinux` (with debug information), `config`, and `selftests.cpio`: a newc archive of
    `selftests/` with test_progs and all that it opens. `tests` are the tests in the order to run, spelled as in
    app.domain.suites, of all suites; `first` those of them that the first verdict is given by, none where no test comes
    after them; `selection` has each wanted test with the reason for it, `not_built` those of them
    that the base cannot build, `unfit` those that are built and cannot work with what this host has, with the reason.
    `absent` are those of `not_built` that the tree itself does not have, or not all of.
    """

    key: str
    folder: Path
    tests: tuple[str, ...]
    selection: tuple[tuple[str, str], ...]
    not_built: tuple[tuple[str, str], ...]
    unfit: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    toolchain: dict[str, str]


class Ending(StrEnum):
    """How a machine's life ended."""

    FINISHED = "finished"
    NO_BOOT = "no boot"
    PANIC = "panic"
    SILENT = "silent"
    TIME_LIMIT = "time limit"
    OUTPUT_LIMIT = "output limit"
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

    @property
    def base(self) -> Base:
        """The base commit, and why."""

    @property
    def source(self) -> Path:
        """The worktree, which a patch has filled: read what is committed instead, or look at it in the sandbox."""

    async def am(self, mails: Sequence[bytes]) -> str:
        """Apply the mails in order, on what is checked out, with `git am --3way`; return the commit of the result.

        Raises:
            PatchDoesNotApplyError: git refused one; the worktree is back where it was.
        """

    async def holds(self, diff: str) -> bool:
        """Tell whether what a diff (or several, one after the other) does is done in what is checked out."""

    async def commits_of(self, wanted: Collection[str]) -> dict[str, str]:
        """Return commits by patch-id (git-patch-id(1) `--stable`), of those wanted that the base's last 1,000 have."""

    async def commits_called(self, titles: Collection[str]) -> dict[str, str]:
        """Return commits by title (the subject line), of those wanted that the base's last 20,000 have."""

    async def head(self) -> str:
        """Return the commit checked out, 40 hex digits."""

    async def to(self, commit: str) -> None:
        """Check out `commit`, so that make rebuilds what differs from the base and nothing else."""

    async def step(self, commit: str) -> None:
        """Check out `commit` as one of several that are built one after the other; `to` has to come in the end."""

    async def below(self, commit: str, base: str) -> tuple[str, ...]:
        """Return the commits that lead from `base` (not included) to `commit` (included), the first of them first."""

    async def changed(self) -> tuple[str, ...]:
        """Return the paths that differ between the base and what is checked out, deleted ones included."""

    async def files(self, folder: str, *, commit: str = "HEAD") -> tuple[str, ...]:
        """Return the paths of the files and symlinks below `folder` in `commit`; none if it is a symlink itself."""

    async def texts(self, paths: Sequence[str], *, commit: str = "HEAD") -> dict[str, str]:
        """Return the texts of `paths` as committed; "" for what is not a file there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The commits of one revision: those of `commit` that `below` does not have, 40 hex digits each."""

    below: str
    commit: str


class Differ(Protocol):
    """Asks git what differs between revisions."""

    async def range_diff(self, source: Path, old: Span, new: Span) -> str | None:
        """Return what `git range-diff` writes in the worktree `source`; None if this host lacks one of the commits.

        Raises:
            InfrastructureError: git failed, took too long or wrote too much.
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

    async def tidy(self, tree: TreeSettings) -> None:
        """Do what keeps a tree's repository small; for a moment when nothing else is to be done.

        Raises:
            InfrastructureError: it cannot be done now.
        """


class Builder(Protocol):
    """Turns a checkout into an image."""

    async def toolchain(self) -> dict[str, str]:
        """Return tool -> version of what shapes a build here."""

    async def inputs(self, profile: ProfileSettings) -> dict[str, str]:
        """Return the toolchain and a digest of the profile's config: what must be equal for results to be compared."""

    async def find(self, key: str) -> Image | None:
        """Return the image kept under `key` on this host, and count that as a use."""

    async def build(
        self, checkout: Checkout, profile: ProfileSettings, *, files: Sequence[str], key: str, log: Sink
    ) -> Image:
        """Build kernel and selected selftests, in the sandbox; `files` are the paths that the selection follows.

        Raises:
            BuildFailedError: the tree does not build (the log, given to `log`, says why).
            InfrastructureError: a tool is missing, the disk is full, the time limit of one build passed.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchAdvice:
    """What the tree's own scripts say of a patch; None where a script could not be run.

    `remarks` are checkpatch's, `people` the addresses that get_maintainer names.
    """

    remarks: tuple[str, ...] | None
    people: tuple[str, ...] | None


class Steps(Protocol):
    """Commits of one checkout built one after the other, each upon the objects of the one before it."""

    async def build(self, commit: str, parts: Sequence[Part], *, log: Sink) -> None:
        """Build parts of a commit: that they compile and link is all that is wanted of them.

        Raises:
            BuildFailedError: a part does not build, upon fresh objects of the base neither.
            InfrastructureError: trouble of ours.
        """

    async def image(self, commit: str, *, key: str, log: Sink) -> Image:
        """Build all of a commit, for the machine; kept under `key`.

        Raises:
            BuildFailedError: it does not build.
            InfrastructureError: trouble of ours.
        """

    async def again(
        self, commit: str, objects: Sequence[str], *, linked: bool, tools: bool, log: Sink, warn: int = 0
    ) -> None:
        """Compile some of a commit's objects (and link, and build the selftests) again, for what is said to them.

        `warn` is make's W=, for the objects alone. Whatever of it does not build is passed over.

        Raises:
            BuildFailedError: the commit's own kernel does not build.
            InfrastructureError: trouble of ours.
        """

    async def advice(self, commit: str, patches: Sequence[bytes]) -> tuple[PatchAdvice, ...]:
        """Ask the scripts of `commit` about patches (as mails), in the sandbox.

        Raises:
            InfrastructureError: trouble of ours.
        """


class Stepping(Protocol):
    """Where commits can be built one after the other."""

    def over(
        self, checkout: Checkout, profile: ProfileSettings, *, files: Sequence[str]
    ) -> AbstractAsyncContextManager[Steps]:
        """Hold what commits of a checkout are built in; the checkout ends where it was.

        `files` are the paths that the selection of selftests follows.

        Raises:
            InfrastructureError: the base does not build, or trouble of ours.
        """


class Machine(Protocol):
    """Boots images."""

    async def run(
        self,
        image: Image,
        profile: ProfileSettings,
        *,
        tests: Sequence[str],
        console: Sink,
        results: Sink,
        verbose: bool = False,
    ) -> Boot:
        """Boot once, run `tests` (spelled as in app.domain.suites), and stream both ports until the machine ends.

        `verbose` has test_progs print the logs of tests that pass as well, and what it reads of BPF iterators.

        Raises:
            InfrastructureError: QEMU itself would not start; or a test's name could be taken for something else.
        """

    def has_room(self, profile: ProfileSettings, machines: int) -> bool:
        """Tell whether this host has memory to spare, and a processor each, for so many machines at once."""


class Symbols(Protocol):
    """Looks up where in the source a kernel complained."""

    async def decode(self, vmlinux: Path, events: Sequence[ConsoleEvent]) -> tuple[ConsoleEvent, ...]:
        """Return the events with source lines beside their frames, as far as these can be had; never raises for it."""


class Archive(Protocol):
    """The list archive."""

    async def thread(self, message_id: str) -> bytes:
        """Return the whole thread that holds a mail, as mboxrd.

        Raises:
            NotFoundError: the archive does not have it.
            SubmissionError: it is too large, or the archive refuses the Message-ID.
            InfrastructureError: the archive cannot be reached or answers nonsense.
        """

    async def search(self, query: str) -> bytes | None:
        """Return the mails that match a public-inbox query as mboxrd (b"" if none), None if there is no search.

        Raises:
            SubmissionError: there are too many, or the archive does not take the query.
            InfrastructureError: the archive cannot be reached or answers nonsense.
        """

    async def has(self, message_id: str) -> bool:
        """Tell whether the archive has this mail now.

        Raises:
            InfrastructureError: the archive cannot be reached, or answers neither yes nor no.
        """


class Signatures(Protocol):
    """Checks whose signatures a mail carries."""

    async def check(self, raw: bytes) -> tuple[Signature, ...]:
        """Return the signatures of a mail with what checking each gave; never raises, whatever the mail holds."""


class CutOffError(InfrastructureError):
    """The connection ended after a mail was handed over and before it was answered: it may have been delivered."""


class Mailer(Protocol):
    """The way out for mail."""

    async def send(self, mail: bytes, *, sender: str, recipients: Sequence[str]) -> None:
        """Hand one mail to the server, for all recipients or for none.

        Raises:
            SubmissionError: refused for good (5xx); says what the server answered.
            CutOffError: whether it was taken is not known.
            InfrastructureError: not taken now (4xx, no connection).
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A file that is packed and not a content of the store yet: what it holds, and where it lies."""

    content: Content
    place: Path


class ArtifactStore(Protocol):
    """Keeps what runs leave to download, each content once; the web application reads what is there."""

    async def free_bytes(self) -> int:
        """Return the free bytes of where the contents lie.

        Raises:
            InfrastructureError: it cannot be reached.
        """

    async def pack(self, image: Image, kind: ArtifactKind) -> Packed | None:
        """Pack one file of an image, at the lowest priority; None where it is not this worker's turn.

        Raises:
            InfrastructureError: the file is not there any more, the store is full, or it took too long.
        """

    async def place(self, packed: Packed) -> None:
        """Make a content of what was packed, unless the store has it.

        Raises:
            InfrastructureError: the store cannot be written to.
        """

    async def has(self, sha256: str) -> bool:
        """Tell whether the store has a content."""

    async def sweep(self, live: Collection[str]) -> None:
        """Delete the contents but `live`, and what packers that were killed have left."""
