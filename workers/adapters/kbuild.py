"""Checkout -> image: the kernel and the selected selftests, built in the sandbox, upon the objects of the base.

The unpatched base is built first where its objects are not at hand (it is what the baseline tests as well); a revision
then builds only what its patches touch, in a layer that is thrown away.
"""

import asyncio
import contextlib
import functools
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

from app.config import ProfileSettings
from app.domain.build_warnings import KERNEL_BEGINS, SELFTESTS_BEGIN
from app.domain.fitness import Facts, options_of
from app.domain.plan import Wanted, select
from app.domain.selftests_index import index_tree
from app.errors import BuildFailedError, InfrastructureError
from workers.adapters import clearing, control, kconfig, locks, sandbox, selftests, workshop
from workers.adapters.images import Images
from workers.adapters.planned import BaseBuilt, Planned
from workers.adapters.rootfs import GuestRoot, guest_root
from workers.adapters.sandbox import Bind
from workers.adapters.toolchain import toolchain
from workers.adapters.workshop import Folders, Workshop
from workers.ports import Checkout, Image, Sink

COMPLETE = "complete.json"
GUEST = "guest"
ROUNDS = 3
MOST_OUTPUT = 16 * 1024**2
"""Of what `make -k` says, the last bytes are read: its closing lines are there."""

# modules beside bzImage: the selftests' module wants Module.symvers.
KERNEL = """
exec make -C /build/linux O=/build/out CC="ccache gcc" HOSTCC="ccache gcc" -j"$1" ${2:-bzImage} modules
"""
BOOTABLE = "bzImage"
LINKED = "vmlinux"


class Builder:
    """Builds images below `cache_dir`."""

    def __init__(self, cache_dir: Path) -> None:
        self.images = Images(cache_dir / "images")
        self._guest = cache_dir / "guest"
        self._builds = cache_dir / "builds"
        self._runs = self._builds / "runs"
        self._ccache = cache_dir / "ccache"
        self._layers_work: bool | None = None
        self._toolchain: dict[str, str] | None = None
        self._guest_root: GuestRoot | None = None

    async def toolchain(self) -> dict[str, str]:
        """Return tool -> version of what shapes a result here, `guest` being the guest's root; asked once a process."""
        if self._toolchain is None:
            self._toolchain = {**await toolchain(), GUEST: (await self._root()).digest}
        return self._toolchain

    async def inputs(self, profile: ProfileSettings) -> dict[str, str]:
        """Return the toolchain and a digest of the profile's config: what must be equal for results to be compared."""
        named = f"{', '.join(profile.config)} ({kconfig.digest(profile)[:12]})"
        return {**await self.toolchain(), "config": named}

    async def _facts(self, objects: Path) -> Facts:
        """Return what tests can count on here; the base's objects are nobody's but the tree's."""
        config = await asyncio.to_thread((objects / ".config").read_text)
        root = await self._root()
        return Facts(options=options_of(config), tools=await self.toolchain(), absent=root.absent)

    async def _root(self) -> GuestRoot:
        if self._guest_root is None:
            self._guest_root = await guest_root(self._guest)
        return self._guest_root

    async def find(self, key: str) -> Image | None:
        """Return the image kept under `key` on this host, and count that as a use."""
        return await asyncio.to_thread(self.images.find, key)

    async def plan(
        self, checkout: Checkout, profile: ProfileSettings, files: Sequence[str], *, commit: str = "HEAD"
    ) -> Planned:
        """Choose the tests of `commit` that `files` (paths of the tree) and the profile's core ask for."""
        prefix = f"{selftests.FOLDER}/"
        paths = await checkout.files(selftests.FOLDER, commit=commit)
        sources = [path for path in paths if path.removeprefix(prefix) == "Makefile" or path.endswith(".c")]
        texts = await checkout.texts(sources, commit=commit)
        index = await asyncio.to_thread(index_tree, {path.removeprefix(prefix): text for path, text in texts.items()})
        wanted = Wanted(core=profile.core, suites=profile.suites, everything=profile.everything)
        selection = select(files, index, wanted)
        return Planned(selection=selection, index=index, paths=tuple(path.removeprefix(prefix) for path in paths))

    async def build(
        self, checkout: Checkout, profile: ProfileSettings, *, files: Sequence[str], key: str, log: Sink
    ) -> Image:
        """Build kernel and selected selftests, in the sandbox; `files` are the paths that the selection follows.

        Raises:
            BuildFailedError: the tree does not build (the log, given to `log`, says why).
            InfrastructureError: a tool is missing, the disk is full, the time limit of one build passed.
        """
        found = await self.find(key)
        if found:
            return found
        inputs = await self.inputs(profile)
        job = self.place(checkout, profile, log)
        template = self.template(checkout, profile, await self.toolchain())
        async with self.own_folder() as out, self.base(job, checkout, template, files) as base:
            planned = await self.plan(checkout, profile, files)
            changed = await checkout.changed()
            not_built = planned.untouched(base.not_built, changed)
            if changed:
                try:
                    not_built |= await self._revision(job.begun(), base, planned.but(not_built), changed, out)
                except BuildFailedError as error:
                    await self.believe(error, checkout, job, base, files)
                    raise
            else:
                await pack(replace(job.begun(), folders=Folders(readable=base.folders)), out)
            unfit = base.unfit(planned)
            return await self.publish(planned, not_built, unfit, out, key=key, inputs=inputs)

    async def publish(
        self,
        planned: Planned,
        not_built: Mapping[str, str],
        unfit: Mapping[str, str],
        out: Path,
        *,
        key: str,
        inputs: dict[str, str],
    ) -> Image:
        """Keep what was packed into `out` as an image; of the planned tests, the base cannot build `not_built`."""
        absent = {test.name: test.reason for test in planned.selection.unbuildable}
        absent |= dict.fromkeys(planned.selection.missing, "not in this tree")
        lacking = {**not_built, **absent}
        image = Image(
            key=key,
            folder=out,
            tests=planned.selection.order(but={*lacking, *unfit}),
            selection=planned.selection.reasons(),
            not_built=tuple(lacking.items()),
            unfit=tuple((test, reason) for test, reason in unfit.items() if test not in lacking),
            absent=tuple(absent),
            first=planned.selection.first(but={*lacking, *unfit}),
            toolchain=inputs,
        )
        return await self.images.publish(image)

    def template(self, checkout: Checkout, profile: ProfileSettings, tools: dict[str, str]) -> Path:
        """Return the folder that keeps what the base of a checkout leaves for its revisions."""
        built_with = sorted((tool, version) for tool, version in tools.items() if tool != GUEST)
        state = json.dumps([checkout.base.commit, built_with]).encode()
        digest = kconfig.digest(profile, state=state)
        return sandbox.make_folder(self._builds / f"{checkout.base.commit[:12]}-{digest[:12]}")

    @contextlib.asynccontextmanager
    async def base(
        self, job: Workshop, checkout: Checkout, template: Path, files: Sequence[str]
    ) -> AsyncIterator[BaseBuilt]:
        """Hold the base's objects and selftests; builds what is not there yet, from the base's own source."""
        planned = await self.plan(checkout, job.profile, files, commit=checkout.base.commit)
        place = template / f"selftests-{selftests.name_of(planned.kept, planned.selection.suites)}"
        async with contextlib.AsyncExitStack() as using:
            async with locks.lock(template / clearing.LOCK):
                if not (place / COMPLETE).exists():
                    await asyncio.to_thread(clearing.clear, self._builds, but=place)
                    await self._at_base(job.begun(), checkout, template, place, planned)
                await using.enter_async_context(clearing.in_use(place))
            state = json.loads((place / COMPLETE).read_text())
            yield BaseBuilt(
                objects=template / clearing.OBJECTS,
                output=place / "output",
                scratch=place / "scratch",
                kept=frozenset(state["kept"]),
                not_built=state["not_built"],
                facts=await self._facts(template / clearing.OBJECTS),
            )

    async def _at_base(self, job: Workshop, checkout: Checkout, template: Path, place: Path, planned: Planned) -> None:
        head = await checkout.head()
        await checkout.to(checkout.base.commit)
        try:
            await self._build_base(job, template, place, planned)
        except BuildFailedError as error:
            if head == checkout.base.commit:
                raise
            # Not the patches' fault, and nothing can be said about them.
            raise InfrastructureError(f"the base {checkout.base.commit[:12]} itself does not build: {error}") from error
        finally:
            await checkout.to(head)

    async def _build_base(self, job: Workshop, template: Path, place: Path, planned: Planned) -> None:
        objects = sandbox.make_folder(template / clearing.OBJECTS)
        trusted = replace(job, trusted=True, folders=Folders(writable={workshop.OBJECTS: objects}))
        if not (template / COMPLETE).exists():
            job.log(b"reroll: building the unpatched base\n")
            await configure("the configuration of the base", trusted, template)
            await trusted.run("the kernel of the base", KERNEL, arguments=[jobs(job.profile)])
            # After a power cut make would take an object that was half written for a whole one, for ever.
            await asyncio.to_thread(os.sync)
            (template / COMPLETE).write_text("{}")
        job.log(b"reroll: building the selftests of the unpatched base\n")
        await sandbox.remove(place)
        sandbox.make_folder(place)
        folders = {
            workshop.OBJECTS: objects,
            workshop.SELFTESTS: sandbox.make_folder(place / "output"),
            workshop.SCRATCH: sandbox.make_folder(place / "scratch"),
        }
        not_built = await self._base_selftests(replace(trusted, folders=Folders(writable=folders)), planned)
        final = planned.but(not_built)
        state = {"kept": sorted(final.kept), "not_built": not_built}
        new = place / f"{COMPLETE}.new"
        new.write_text(json.dumps(state))
        await asyncio.to_thread(os.sync)
        new.rename(place / COMPLETE)

    async def _base_selftests(self, job: Workshop, planned: Planned) -> dict[str, str]:
        """Build what can be built; return test -> reason for the rest."""
        not_built: dict[str, str] = {}
        before: frozenset[str] = frozenset()
        for _ in range(ROUNDS):
            now = planned.but(not_built)
            output = bytearray()

            def sink(data: bytes, output: bytearray = output) -> None:
                job.log(data)
                output.extend(data)

            teller = replace(job, log=sink)
            # Once only: a series' own builds are strict, and this one then shows that they can be.
            tolerant = planned.index.tolerant and not before
            code = await make_selftests(teller, now, before, keep_going=True, tolerant=tolerant)
            failed = selftests.failures(bytes(output))
            if code == 0 and tolerant:
                made = job.folders.writable[workshop.SELFTESTS]
                absent = await asyncio.to_thread(selftests.left_out, made, now.kept, now.selection.suites)
                failed = replace(absent, said=failed.said)
            if code == 0 and not failed.any:
                return not_built
            broken = selftests.without(planned.index, failed, await self.toolchain())
            if not broken.keys() & frozenset(now.selection.spelled):
                break
            not_built |= {test: reason for test, reason in broken.items() if test in planned.selection.spelled}
            before = now.kept
        raise InfrastructureError(f"the selftests of the base do not build even without {', '.join(sorted(not_built))}")

    async def believe(
        self, error: BuildFailedError, checkout: Checkout, job: Workshop, base: BaseBuilt, files: Sequence[str]
    ) -> None:
        """Return where a failed build speaks against the patches; in doubt what failed is made of the base.

        Raises:
            InfrastructureError: it is trouble of ours.
        """
        if not control.doubted(error):
            return
        async with control.at_base(checkout), self.layer(base) as folders:
            planned = (await self.plan(checkout, job.profile, files)).but(base.not_built)
            again = replace(job.begun(), folders=folders, fresh=True)
            tests = functools.partial(make_selftests, again, planned, base.kept, keep_going=False)
            await control.try_base(error, again, jobs(job.profile), tests)

    @contextlib.asynccontextmanager
    async def layer(self, base: BaseBuilt) -> AsyncIterator[Folders]:
        """Yield folders that begin as the base's objects and selftests, and are gone afterwards."""
        if self._layers_work is None:
            self._layers_work = await sandbox.layers_work(self._builds)
        async with workshop.throwaway(self._runs, base.folders, layers_work=self._layers_work) as folders:
            yield folders

    def place(self, checkout: Checkout, profile: ProfileSettings, log: Sink) -> Workshop:
        """Return where a checkout is built, without folders yet."""
        ccache = sandbox.make_folder(self._ccache)
        return Workshop(source=checkout.source, ccache=ccache, profile=profile, log=log)

    def own_folder(self) -> AbstractAsyncContextManager[Path]:
        """Hold a new folder for what a build leaves; it is gone afterwards."""
        return workshop.own_folder(self._runs)

    async def _revision(
        self, job: Workshop, base: BaseBuilt, planned: Planned, changed: Sequence[str], out: Path
    ) -> dict[str, str]:
        """Build the patched tree in a layer over the base's objects; return what build_selftests left out."""
        async with self.layer(base) as folders:
            own = replace(job, folders=folders)
            await build_kernel(own, base, changed)
            left_out = await build_selftests(own, base, planned, base.kept)
            await pack(own, out)
            return left_out


async def build_kernel(job: Workshop, base: BaseBuilt, changed: Sequence[str], *, target: str = BOOTABLE) -> None:
    """Build the kernel of a patched tree; `changed` are the paths in which it differs from what the layer began with.

    Raises:
        BuildFailedError: it does not build.
    """
    job.log(f"{KERNEL_BEGINS}\n".encode())
    if kconfig.touched(job.profile, changed):
        await configure("the configuration", job, base.objects.parent)
    await job.run("the kernel", KERNEL, arguments=[jobs(job.profile), target])


async def build_selftests(job: Workshop, base: BaseBuilt, planned: Planned, before: frozenset[str]) -> dict[str, str]:
    """Build the selftests of a patched tree; `before` are the files that the scratch copy holds by now.

    Returns the tests that were left out, each with the reason. What the base cannot build, and the patches touch, is
    tried: where it does not build with them either, they have not repaired it, and that is all. So is what a tool of
    this host is too old for.

    Raises:
        BuildFailedError: they do not build.
    """
    job.log(f"{SELFTESTS_BEGIN}\n".encode())
    try:
        await make_selftests(job, planned, before, keep_going=False)
    except BuildFailedError:
        # Before a series is blamed: what the base's build left behind must not be what stops this one.
        try:
            await _from_nothing(job, planned, "from nothing")
        except BuildFailedError:
            broken = {test: base.not_built[test] for test in planned.selection.spelled if test in base.not_built}
            broken |= await _unable(job, base, planned)
            if not broken:
                raise
            await _from_nothing(job, planned.but(broken), f"without {', '.join(sorted(broken))}")
            return broken
    return {}


async def _unable(job: Workshop, base: BaseBuilt, planned: Planned) -> dict[str, str]:
    """Return the tests that do not build for want of a tool that is new enough, each with the reason."""
    output = bytearray()

    def sink(data: bytes) -> None:
        output.extend(data)
        if len(output) > 2 * MOST_OUTPUT:
            del output[:-MOST_OUTPUT]

    def read() -> selftests.Failures:
        failed = selftests.failures(bytes(output))
        said = {program: words for program, words in failed.said.items() if not selftests.had(base.scratch, words)}
        return replace(failed, said=said)

    await make_selftests(replace(job, log=sink), planned, planned.kept, keep_going=True)
    return selftests.unable(planned.index, await asyncio.to_thread(read), base.facts.tools)


async def _from_nothing(job: Workshop, planned: Planned, how: str) -> None:
    job.log(f"reroll: building the selftests again, {how}\n".encode())
    await job.run("the selftests' empty folders", selftests.START_OVER)
    await make_selftests(job, planned, frozenset(), keep_going=False)


async def make_selftests(
    job: Workshop, planned: Planned, before: frozenset[str], *, keep_going: bool, tolerant: bool = False
) -> int:
    """Have the scratch copy hold what is planned (it held `before`) and make its suites; return make's exit code.

    `tolerant`: what does not build is no failure, where the tree knows how.
    """
    with tempfile.TemporaryDirectory(prefix="reroll-lists-") as folder:
        lists = Path(folder)
        selftests.write_lists(lists, planned.kept, before)
        bind = Bind(source=lists, target=selftests.LISTS)
        await job.run("the selftests' scratch copy", selftests.POPULATE, binds=[bind])
    targets = " ".join(f"{workshop.SELFTESTS}/{suite}" for suite in planned.selection.suites)
    arguments = ["--keep-going" if keep_going else "", jobs(job.profile), targets, *selftests.FLAGS]
    arguments += [selftests.TOLERANT] if tolerant else []
    return await job.run("the selftests", selftests.BUILD, arguments=arguments, fail=not keep_going)


async def pack(job: Workshop, out: Path) -> None:
    """Put what the machine needs into the folder `out`."""
    await job.run("the image", selftests.PACK, binds=[Bind(source=out, target=workshop.IMAGE, writable=True)])


async def configure(what: str, job: Workshop, template: Path) -> None:
    """Write the profile's configuration; `what` is what a failure of that is called."""
    fragments = kconfig.folder(template / "config", job.profile)
    await job.run(what, kconfig.CONFIGURE, arguments=kconfig.arguments(job.profile), binds=[fragments])


def jobs(profile: ProfileSettings) -> str:
    """Return make's -j."""
    return str(profile.jobs or os.cpu_count() or 1)
