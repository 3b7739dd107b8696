"""Commits of one checkout built one after the other, each upon the objects of the one before it.

All in one layer over the base's objects, which is thrown away: make builds what differs between two commits and nothing
else. Before a patch is held not to build, it is built once more upon the objects of the base.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from app.config import ProfileSettings
from app.domain.build_warnings import KERNEL_BEGINS, SELFTESTS_BEGIN
from app.domain.patches import Part
from app.errors import BuildFailedError
from workers.adapters import selftests
from workers.adapters.advice import advise
from workers.adapters.kbuild import (
    BOOTABLE,
    LINKED,
    Builder,
    build_kernel,
    build_selftests,
    jobs,
    make_selftests,
    pack,
)
from workers.adapters.planned import BaseBuilt, Planned
from workers.adapters.workshop import OBJECTS, SOURCE, Folders, Workshop
from workers.ports import Checkout, Image, PatchAdvice, Sink

# Made anew, whatever make thinks of them; what the base has no source of is passed over.
AGAIN = f"""
jobs=$1 w=$2; shift 2
cd {OBJECTS}
rm -f -- "$@"
make -C {SOURCE} O={OBJECTS} CC="ccache gcc" HOSTCC="ccache gcc" ${{w:+W=$w}} --keep-going -j"$jobs" "$@" || true
"""
LINK_AGAIN = f"""
cd {OBJECTS}
rm -f vmlinux vmlinux.o .vmlinux.export.o Module.symvers modules-only.symvers
find . -name '*.ko' -delete
make -C {SOURCE} O={OBJECTS} CC="ccache gcc" HOSTCC="ccache gcc" --keep-going -j"$1" vmlinux modules || true
"""


LINKED_LOG = "linked.log"
MOST_LINKED = 1_000_000

_Plan = tuple[Planned, dict[str, str]]
"""What is to be built of the selftests, and which of it the base could not build (test -> reason)."""


class Stepwise:
    """Builds commits one after the other; made by `stepping`."""

    def __init__(
        self, builder: Builder, checkout: Checkout, job: Workshop, base: BaseBuilt, files: Sequence[str]
    ) -> None:
        self._builder = builder
        self._checkout = checkout
        self._job = job
        self._base = base
        self._files = files
        self._place = _Place()

    async def build(self, commit: str, parts: Sequence[Part], *, log: Sink) -> None:
        """Build parts of a commit: that they compile and link is all that is wanted of them.

        Raises:
            BuildFailedError: a part does not build, upon fresh objects of the base neither.
            InfrastructureError: trouble of ours.
        """
        await self._twice(commit, parts, LINKED, log)

    async def image(self, commit: str, *, key: str, log: Sink) -> Image:
        """Build all of a commit, for the machine; kept under `key`.

        Raises:
            BuildFailedError: it does not build.
            InfrastructureError: trouble of ours.
        """
        await self._twice(commit, tuple(Part), BOOTABLE, log)
        planned, not_built = await self._planned()
        async with self._builder.own_folder() as out:
            await pack(self._at(log), out)
            inputs = await self._builder.inputs(self._job.profile)
            return await self._builder.publish(
                planned, not_built | self._place.left_out, self._base.unfit(planned), out, key=key, inputs=inputs
            )

    async def again(
        self, commit: str, objects: Sequence[str], *, linked: bool, tools: bool, log: Sink, warn: int = 0
    ) -> None:
        """Compile some of a commit's objects once more, in a layer of their own, for what the compiler says to them.

        Whatever of it does not build is passed over: it is only listened to.

        Args:
            commit: 40 hex digits.
            objects: paths such as `kernel/bpf/core.o`.
            linked: link the kernel once more as well.
            tools: build the selftests (and libbpf) once more as well; their log comes after `SELFTESTS_BEGIN`.
            log: where the output goes.
            warn: make's W=, for the objects alone.
        """
        await self._place.leave()  # mtimes are as on the base now: nothing of it could be built upon
        await self._checkout.to(commit)
        async with self._builder.layer(self._base) as folders:
            job = replace(self._job.begun(), folders=folders, log=log)
            changed = await self._checkout.changed()
            if changed:
                await build_kernel(job, self._base, changed, target=LINKED)
            log(f"{KERNEL_BEGINS}\n".encode())
            if objects:
                await job.run("some objects again", AGAIN, arguments=[jobs(job.profile), str(warn or ""), *objects])
            if linked:
                await self._linked(job, keep=not changed)
            if tools:
                planned, not_built = await self._planned()
                await job.run("the selftests' empty folders", selftests.START_OVER)
                job.log(f"{SELFTESTS_BEGIN}\n".encode())
                await make_selftests(job, planned.but(not_built), frozenset(), keep_going=True)

    async def _linked(self, job: Workshop, *, keep: bool) -> None:
        """Link the kernel once more; what is said of the base (`keep`) is the same each time, and kept beside it."""
        kept = self._base.objects.parent / LINKED_LOG
        if keep and kept.exists():
            job.log(kept.read_bytes())
            return
        said = bytearray()

        def tell(data: bytes) -> None:
            job.log(data)
            said.extend(data[: max(0, MOST_LINKED - len(said))])

        await replace(job, log=tell).run("the kernel again", LINK_AGAIN, arguments=[jobs(job.profile)])
        if keep:
            new = kept.with_name(f"{LINKED_LOG}.{os.getpid()}")
            new.write_bytes(said)
            new.rename(kept)

    async def advice(self, commit: str, patches: Sequence[bytes]) -> tuple[PatchAdvice, ...]:
        """Ask the scripts of `commit` about patches (as mails), in the sandbox.

        Raises:
            InfrastructureError: trouble of ours.
        """
        await self._checkout.step(commit)
        return await advise(replace(self._job.begun(), folders=Folders(readable=self._base.folders)), patches)

    async def _twice(self, commit: str, parts: Sequence[Part], target: str, log: Sink) -> None:
        try:
            await self._once(commit, parts, target, log)
        except BuildFailedError:
            log(b"reroll: building it again, upon the objects of the base\n")
            await self._place.leave()
            try:
                await self._once(commit, parts, target, log)
            except BuildFailedError as error:
                await self._place.leave()  # a build that stopped half way is nothing to build upon
                job = replace(self._job, log=log)
                await self._builder.believe(error, self._checkout, job, self._base, self._files)
                raise

    async def _once(self, commit: str, parts: Sequence[Part], target: str, log: Sink) -> None:
        fresh = await self._place.enter(self._builder, self._base)
        # Upon the base's objects what is as on the base need not be built, upon those of another commit it has to be.
        await (self._checkout.to(commit) if fresh else self._checkout.step(commit))
        job = self._at(log)
        if Part.KERNEL in parts or fresh:
            self._place.changed.update(await self._checkout.changed())
            await build_kernel(job, self._base, tuple(self._place.changed), target=target)
        if Part.SELFTESTS in parts:
            planned, not_built = await self._planned()
            wanted = planned.but(not_built)
            left_out = await build_selftests(job, self._base, wanted, self._place.kept)
            self._place.kept, self._place.left_out = wanted.but(left_out).kept, left_out

    async def _planned(self) -> _Plan:
        planned = await self._builder.plan(self._checkout, self._job.profile, self._files)
        return planned, planned.untouched(self._base.not_built, await self._checkout.changed())

    def _at(self, log: Sink) -> Workshop:
        return replace(self._job.begun(), folders=self._place.folders, log=log)

    async def close(self) -> None:
        """Throw the layer away."""
        await self._place.leave()


@dataclass(slots=True, kw_only=True)
class _Place:
    """The layer in use, if one is, and what was done in it.

    `kept` are the selftests' files that its scratch copy holds, `left_out` the tests that were not built with them;
    `changed` are the paths in which any commit built in it differs from the base.
    """

    folders: Folders = field(default_factory=Folders)
    kept: frozenset[str] = frozenset()
    left_out: dict[str, str] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    _held: contextlib.AsyncExitStack | None = None

    async def enter(self, builder: Builder, base: BaseBuilt) -> bool:
        """Have a layer; tell whether it is a fresh one."""
        if self._held is not None:
            return False
        held = contextlib.AsyncExitStack()
        self.folders = await held.enter_async_context(builder.layer(base))
        self.kept, self.changed = base.kept, set()
        self._held = held
        return True

    async def leave(self) -> None:
        """Throw the layer away; the next commit begins upon the base's objects."""
        held, self._held = self._held, None
        if held is not None:
            await held.aclose()


class Stepping:
    """Where commits can be built one after the other on this host."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    @contextlib.asynccontextmanager
    async def over(
        self, checkout: Checkout, profile: ProfileSettings, *, files: Sequence[str]
    ) -> AsyncIterator[Stepwise]:
        """Hold what commits of a checkout are built in; the checkout ends where it was.

        Raises:
            InfrastructureError: the base does not build, or trouble of ours.
        """
        builder, head = self._builder, await checkout.head()
        job = builder.place(checkout, profile, _nowhere)
        template = builder.template(checkout, profile, await builder.toolchain())
        async with builder.base(job, checkout, template, files) as base:
            steps = Stepwise(builder, checkout, job, base, files)
            try:
                yield steps
            finally:
                await steps.close()
                await checkout.to(head)


def _nowhere(_data: bytes) -> None:
    """Take what nobody listens to."""
