"""Checkout -> image: the kernel and the selected selftests, built in the sandbox, upon the objects of the base.

The unpatched base is built first where its objects are not at hand (it is what the baseline tests as well); a revision
then builds only what its patches touch, in a layer that is thrown away.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.config import ProfileSettings
from app.domain.plan import Selection, narrow, select
from app.domain.selftests_index import TreeIndex, index_tree
from app.errors import BuildFailedError, InfrastructureError
from workers.adapters import clearing, locks, sandbox, selftests, workshop
from workers.adapters.images import Images
from workers.adapters.rootfs import guest_root
from workers.adapters.sandbox import Bind
from workers.adapters.toolchain import toolchain
from workers.adapters.workshop import Folders, Workshop
from workers.ports import Checkout, Image, Sink

PROFILES = Path(__file__).parent.parent / "profiles"
COMPLETE = "complete.json"
GUEST = "guest"
ROUNDS = 3

CONFIGURE = """
make -C /build/linux O=/build/out tinyconfig
/build/linux/scripts/kconfig/merge_config.sh -m -O /build/out /build/out/.config /build/config/*
make -C /build/linux O=/build/out olddefconfig
"""
RECONFIGURE = "exec make -C /build/linux O=/build/out olddefconfig"
# modules beside bzImage: the selftests' module wants Module.symvers.
KERNEL = """
exec make -C /build/linux O=/build/out CC="ccache gcc" HOSTCC="ccache gcc" -j"$1" bzImage modules
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is to be built of one commit's selftests: `paths` are all files below their folder."""

    selection: Selection
    index: TreeIndex
    paths: tuple[str, ...]

    def but(self, tests: Iterable[str]) -> "Planned":
        """Return the plan without some tests."""
        left = frozenset(self.selection.names) - frozenset(tests)
        return replace(self, selection=narrow(self.selection, left, self.index))

    def untouched(self, broken: dict[str, str], changed: Sequence[str]) -> dict[str, str]:
        """Return the wanted tests of `broken` (test -> reason) that no path of `changed` could have repaired."""
        return {
            test: reason
            for test, reason in broken.items()
            if test in self.selection.names and not self._sources(test) & frozenset(changed)
        }

    def _sources(self, test: str) -> frozenset[str]:
        """The paths in the tree of a test's file and of the programs that it needs."""
        name = self.index.file_of(test)
        if name is None:
            return frozenset()
        programs = (f"{selftests.FOLDER}/progs/{program}.c" for program in self.index.files[name].programs)
        return frozenset((f"{selftests.FOLDER}/prog_tests/{name}", *programs))

    @property
    def kept(self) -> frozenset[str]:
        """The files that the scratch copy holds."""
        return selftests.kept(self.paths, self.selection)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """What the unpatched base left: objects, and the selftests of one selection with what could not be built of it."""

    objects: Path
    output: Path
    scratch: Path
    kept: frozenset[str]
    not_built: dict[str, str]

    @property
    def folders(self) -> dict[str, Path]:
        """Target in the sandbox -> folder."""
        return {workshop.OBJECTS: self.objects, workshop.SELFTESTS: self.output, workshop.SCRATCH: self.scratch}


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

    async def toolchain(self) -> dict[str, str]:
        """Return tool -> version of what shapes a result here, `guest` being the guest's root; asked once a process."""
        if self._toolchain is None:
            root = await guest_root(self._guest)
            self._toolchain = {**await toolchain(), GUEST: root.digest}
        return self._toolchain

    async def inputs(self, profile: ProfileSettings) -> dict[str, str]:
        """Return the toolchain and a digest of the profile's config: what must be equal for results to be compared."""
        digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in _fragments(profile))).hexdigest()
        return {**await self.toolchain(), "config": f"{', '.join(profile.config)} ({digest[:12]})"}

    async def find(self, key: str) -> Image | None:
        """Return the image kept under `key` on this host, and count that as a use."""
        return await asyncio.to_thread(self.images.find, key)

    async def plan(
        self, checkout: Checkout, profile: ProfileSettings, files: Sequence[str], *, commit: str = "HEAD"
    ) -> Planned:
        """Choose the tests of `commit` that `files` (paths of the tree) and the profile's core ask for."""
        prefix = f"{selftests.FOLDER}/"
        paths = await checkout.files(selftests.FOLDER, commit=commit)
        read = [path for path in paths if path.removeprefix(prefix) == "Makefile" or path.endswith(".c")]
        texts = await checkout.texts(read, commit=commit)
        index = await asyncio.to_thread(index_tree, {path.removeprefix(prefix): text for path, text in texts.items()})
        selection = select(files, index, profile.core)
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
        job = Workshop(source=checkout.source, ccache=sandbox.make_folder(self._ccache), profile=profile, log=log)
        template = self.template(checkout, profile, await self.toolchain())
        async with workshop.own_folder(self._runs) as out, self._base(job, checkout, template, files) as base:
            planned = await self.plan(checkout, profile, files)
            changed = await checkout.changed()
            not_built = planned.untouched(base.not_built, changed)
            if changed:
                await self._revision(job.begun(), base, planned.but(not_built), changed, out)
            else:
                await _pack(replace(job.begun(), folders=Folders(readable=base.folders)), out)
            not_built |= {test.name: test.reason for test in planned.selection.unbuildable}
            not_built |= dict.fromkeys(planned.selection.missing, "not in this tree")
            image = Image(
                key=key,
                folder=out,
                tests=tuple(name for name in planned.selection.names if name not in not_built),
                selection=tuple((test.name, test.reason) for test in planned.selection.tests),
                not_built=tuple(not_built.items()),
                toolchain=inputs,
            )
            return await self.images.publish(image)

    def template(self, checkout: Checkout, profile: ProfileSettings, tools: dict[str, str]) -> Path:
        """Return the folder that keeps what the base of a checkout leaves for its revisions."""
        fragments = [path.read_bytes() for path in _fragments(profile)]
        built_with = sorted((tool, version) for tool, version in tools.items() if tool != GUEST)
        state = json.dumps([checkout.base.commit, built_with]).encode()
        digest = hashlib.sha256(b"\0".join([state, *fragments])).hexdigest()
        return sandbox.make_folder(self._builds / f"{checkout.base.commit[:12]}-{digest[:12]}")

    @contextlib.asynccontextmanager
    async def _base(
        self, job: Workshop, checkout: Checkout, template: Path, files: Sequence[str]
    ) -> AsyncIterator[_Base]:
        """Hold the base's objects and selftests; builds what is not there yet, from the base's own source."""
        planned = await self.plan(checkout, job.profile, files, commit=checkout.base.commit)
        place = template / f"selftests-{selftests.name_of(planned.kept)}"
        async with contextlib.AsyncExitStack() as using:
            async with locks.lock(template / clearing.LOCK):
                if not (place / COMPLETE).exists():
                    await asyncio.to_thread(clearing.clear, self._builds, but=place)
                    await self._at_base(job.begun(), checkout, template, place, planned)
                await using.enter_async_context(clearing.in_use(place))
            state = json.loads((place / COMPLETE).read_text())
            yield _Base(
                objects=template / clearing.OBJECTS,
                output=place / "output",
                scratch=place / "scratch",
                kept=frozenset(state["kept"]),
                not_built=state["not_built"],
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
            config = Bind(source=_config_folder(template, job.profile), target="/build/config")
            await trusted.run("the configuration of the base", CONFIGURE, binds=[config])
            await trusted.run("the kernel of the base", KERNEL, arguments=[_jobs(job.profile)])
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
            code = await _make_selftests(teller, now.kept, before, keep_going=True)
            if code == 0:
                return not_built
            broken = selftests.without(planned.index, selftests.failures(bytes(output)))
            if not broken.keys() & frozenset(now.selection.names):
                break
            not_built |= {test: reason for test, reason in broken.items() if test in planned.selection.names}
            before = now.kept
        raise InfrastructureError(f"the selftests of the base do not build even without {', '.join(sorted(not_built))}")

    async def _revision(self, job: Workshop, base: _Base, planned: Planned, changed: Sequence[str], out: Path) -> None:
        """Build the patched tree in a layer over the base's objects."""
        if self._layers_work is None:
            self._layers_work = await sandbox.layers_work(self._builds)
        async with workshop.throwaway(self._runs, base.folders, layers_work=self._layers_work) as folders:
            own = replace(job, folders=folders)
            if any(path.rpartition("/")[2].startswith("Kconfig") for path in changed):
                await own.run("the configuration", RECONFIGURE)
            await own.run("the kernel", KERNEL, arguments=[_jobs(job.profile)])
            try:
                await _make_selftests(own, planned.kept, base.kept, keep_going=False)
            except BuildFailedError:
                # Before a series is blamed: what the base's build left behind must not be what stops this one.
                job.log(b"reroll: building the selftests again, from nothing\n")
                await own.run("the selftests' empty folders", selftests.START_OVER)
                await _make_selftests(own, planned.kept, frozenset(), keep_going=False)
            await _pack(own, out)


async def _make_selftests(job: Workshop, kept: frozenset[str], before: frozenset[str], *, keep_going: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="reroll-lists-") as folder:
        lists = Path(folder)
        selftests.write_lists(lists, kept, before)
        bind = Bind(source=lists, target=selftests.LISTS)
        await job.run("the selftests' scratch copy", selftests.POPULATE, binds=[bind])
    arguments = ["--keep-going" if keep_going else "", _jobs(job.profile), *selftests.FLAGS]
    return await job.run("the selftests", selftests.BUILD, arguments=arguments, fail=not keep_going)


async def _pack(job: Workshop, out: Path) -> None:
    await job.run("the image", selftests.PACK, binds=[Bind(source=out, target=workshop.IMAGE, writable=True)])


def _fragments(profile: ProfileSettings) -> list[Path]:
    found = [PROFILES / name for name in profile.config]
    for path in found:
        if not path.is_file():
            raise InfrastructureError(f"the profile names the config fragment {path}, which is not a file")
    return found


def _config_folder(template: Path, profile: ProfileSettings) -> Path:
    """Copy the fragments to where the build user can read them: where Reroll itself lies, it may not (/root)."""
    folder = sandbox.make_folder(template / "config")
    for number, path in enumerate(_fragments(profile)):
        copy = folder / f"{number:02}-{path.name}"
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o644)
    return folder


def _jobs(profile: ProfileSettings) -> str:
    return str(profile.jobs or os.cpu_count() or 1)
