"""The builder on a toy kernel: make, gcc, clang, git and the sandbox are real, only the kernel is small."""

import asyncio
import contextlib
import math
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.config import ConfigFrom, ProfileSettings, TreeSettings
from app.errors import BuildFailedError, InfrastructureError
from tests.workers.adapters.upstream import Upstream
from workers.adapters import locks
from workers.adapters.clearing import LOCK
from workers.adapters.git import Trees
from workers.adapters.images import PARTS
from workers.adapters.kbuild import Builder
from workers.adapters.workshop import Workshop
from workers.ports import Image

pytestmark = [pytest.mark.anyio, pytest.mark.tools]
BPF = "tools/testing/selftests/bpf"
CORE = 'const char banner[] = "made of the base";\n'

KERNEL_MAKEFILE = """
tinyconfig olddefconfig:
	echo CONFIG_TOY=y >>$(O)/.config
bzImage: $(O)/arch/x86/boot/bzImage
modules:
$(O)/core.o: core.c
	$(CC) -c $< -o $@
	@echo COMPILED core.c
$(O)/other.o: other.c
	$(CC) -c $< -o $@
	@echo COMPILED other.c
$(O)/vmlinux: $(O)/core.o $(O)/other.o
	ld -r $^ -o $@
$(O)/arch/x86/boot/bzImage: $(O)/vmlinux
	mkdir -p $(@D)
	cp $< $@
"""

SELFTESTS_MAKEFILE = """
TESTS := $(notdir $(wildcard prog_tests/*.c))
PROGS := $(notdir $(wildcard progs/*.c))
$(OUTPUT)/test_progs: test_progs.c $(TESTS:%.c=$(OUTPUT)/%.test.o) | $(PROGS:%.c=$(OUTPUT)/%.bpf.o)
	$(CC) -o $@ $^
$(OUTPUT)/%.test.o: prog_tests/%.c | $(PROGS:%.c=$(OUTPUT)/%.skel.h)
	$(CC) -I$(OUTPUT) -c $< -o $@
$(OUTPUT)/%.bpf.o: progs/%.c
	$(CLANG) --target=bpf -O2 -c $< -o $@
$(OUTPUT)/%.skel.h: $(OUTPUT)/%.bpf.o
	echo >$@
"""


TOLERANT_MAKEFILE = """
TESTS := $(notdir $(wildcard prog_tests/*.c))
PROGS := $(notdir $(wildcard progs/*.c))
OR := $(if $(filter 0,$(BPF_STRICT_BUILD)),|| true)
$(OUTPUT)/test_progs: test_progs.c $(TESTS:%.c=$(OUTPUT)/%.test.o)
	@echo STRICT is=$(BPF_STRICT_BUILD).
	$(CC) -o $@ $(wildcard $^)
$(OUTPUT)/%.test.o: prog_tests/%.c $(PROGS:%.c=$(OUTPUT)/%.skel.h)
	$(CC) -I$(OUTPUT) -c $< -o $@ $(OR)
$(OUTPUT)/%.skel.h: progs/%.c
	($(CLANG) --target=bpf -O2 -c $< -o $(@:.skel.h=.bpf.o) && echo >$@) $(OR)
"""


def prog_test(name: str, *skeletons: str) -> str:
    return "".join(f'#include "{one}.skel.h"\n' for one in skeletons) + f"void test_{name}(void)\n{{\n}}\n"


TREE = {
    "Makefile": KERNEL_MAKEFILE,
    "core.c": CORE,
    "other.c": "int other;\n",
    "scripts/kconfig/merge_config.sh": '#!/bin/sh\nshift 4\ncat "$@" >>/build/out/.config\n',
    f"{BPF}/Makefile": SELFTESTS_MAKEFILE,
    f"{BPF}/test_progs.c": "int main(void)\n{\n\treturn 0;\n}\n",
    f"{BPF}/prog_tests/good.c": prog_test("good", "good"),
    f"{BPF}/prog_tests/unwanted.c": "#error this must not be built\n" + prog_test("unwanted"),
    f"{BPF}/progs/good.c": "int good;\n",
    f"{BPF}/progs/btf_data.c": "int data;\n",
}

BROKEN = {
    f"{BPF}/prog_tests/no_skeleton.c": prog_test("no_skeleton", "gone"),
    f"{BPF}/prog_tests/bad_program.c": prog_test("bad_program", "bad"),
    f"{BPF}/prog_tests/bad_test.c": "#include <no-such-header.h>\n" + prog_test("bad_test"),
    f"{BPF}/progs/bad.c": "this is not C\n",
}


class Yard:
    """A tree, the builder of one host, and what is built of them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.upstream = Upstream(place / "upstream")
        for path, text in TREE.items():
            self.upstream.write(path, text)
        (self.upstream.folder / "scripts/kconfig/merge_config.sh").chmod(0o755)
        self.base = self.upstream.commit("a toy kernel")
        self.tree = TreeSettings(name="toy", url=str(self.upstream.folder), ref=self.base)
        (place / "toy.config").write_text("CONFIG_FRAGMENT=y\n")
        self.profile = ProfileSettings(config=(str(place / "toy.config"),), core=("good",), jobs=2)
        self.trees = Trees(place / "trees")
        self.builder = Builder(place / "cache")

    async def build(self, key: str, changes: dict[str, str] | None = None) -> tuple[Image, str]:
        """Return the image of the tree with some files changed, and the log."""
        mails = []
        if changes:
            for path, text in changes.items():
                self.upstream.write(path, text)
            self.upstream.commit("change")
            mails = self.upstream.mails(self.base)
        log = bytearray()
        base = await self.trees.resolve(self.tree, None)
        async with self.trees.checkout(self.tree, base) as checkout:
            await checkout.am(mails)
            head = await checkout.head()
            try:
                image = await self.builder.build(
                    checkout, self.profile, files=[*(changes or ())], key=key, log=log.extend
                )
            finally:
                assert await checkout.head() == head
        return image, log.decode()

    def kept(self) -> dict[str, bytes]:
        """All that builds have left for others, but for when it was used."""
        folders = [self.place / "cache" / "ccache", *(self.place / "cache" / "builds").iterdir()]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".use"]
        return {str(path): path.read_bytes() for path in files}

    def break_base(self) -> None:
        """Have the base hold tests that do not build."""
        for path, text in BROKEN.items():
            self.upstream.write(path, text)
        self.base = self.upstream.commit("tests that do not build")
        self.tree = self.tree.model_copy(update={"ref": self.base})
        core = ("good", "no_skeleton", "bad_program", "bad_test", "absent")
        self.profile = self.profile.model_copy(update={"core": core})


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the builder says of this host, asked once."""
    return asyncio.run(Builder(tmp_path_factory.mktemp("host")).toolchain())


@pytest.fixture
def yard(place: Path, tools: dict[str, str]) -> Yard:
    (place / "yard").mkdir()
    yard = Yard(place / "yard")
    yard.builder._toolchain = tools
    return yard


def packed(image: Image) -> set[str]:
    with (image.folder / "selftests.cpio").open("rb") as archive:
        done = subprocess.run(["cpio", "-t", "--quiet"], stdin=archive, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


async def test_base_is_built_without_what_it_cannot_build(yard):
    yard.break_base()
    image, _ = await yard.build("base")
    assert image.tests == ("good",)
    assert dict(image.not_built) == {
        "no_skeleton": "prog_tests/no_skeleton.c includes gone.skel.h, which the tree has no program for",
        "bad_test": "prog_tests/bad_test.c does not build on the base",
        "bad_program": "progs/bad.c does not build on the base: unknown type name 'this'",
        "absent": "not in this tree",
    }
    assert set(image.absent) == {"no_skeleton", "absent"}
    assert {name for name, _ in image.selection} == {"good", "bad_program", "bad_test"}
    assert image.toolchain.keys() >= {"gcc", "clang", "guest"}
    assert all((image.folder / part).stat().st_size for part in PARTS)
    assert b"made of the base" in (image.folder / "vmlinux").read_bytes()
    assert (image.folder / "config").read_text().split() == ["CONFIG_TOY=y", "CONFIG_FRAGMENT=y", "CONFIG_TOY=y"]
    files = {"test_progs", "good.bpf.o", "btf_data.bpf.o"}
    assert packed(image) == {"selftests", *(f"selftests/{name}" for name in files)}


@pytest.mark.parametrize("layers_work", [True, False])
async def test_revision_builds_what_it_touches_and_leaves_nothing_but_its_image(yard, layers_work):
    await yard.build("base")
    before = yard.kept()
    yard.builder._layers_work = layers_work
    image, log = await yard.build("patched", {"core.c": CORE.replace("base", "patch")})
    assert "COMPILED core.c" in log
    assert "COMPILED other.c" not in log
    assert b"made of the patch" in (image.folder / "vmlinux").read_bytes()
    assert image.tests == ("good",)
    assert yard.kept() == before
    null, log = await yard.build("null", {"README": "nothing\n"})
    assert "COMPILED" not in log
    assert b"made of the base" in (null.folder / "vmlinux").read_bytes()


async def test_revision_that_comes_first_has_the_base_built_from_the_base(yard):
    image, log = await yard.build("patched", {"core.c": CORE.replace("base", "patch")})
    assert (
        log.index("reroll: building the unpatched base") < log.index("COMPILED core.c") < log.rindex("COMPILED core.c")
    )
    assert b"made of the patch" in (image.folder / "vmlinux").read_bytes()
    base, log = await yard.build("base")
    assert "COMPILED" not in log
    assert b"made of the base" in (base.folder / "vmlinux").read_bytes()


async def test_a_tree_that_can_leave_out_what_does_not_build_is_asked_to_once(yard):
    yard.upstream.write(f"{BPF}/Makefile", TOLERANT_MAKEFILE)
    yard.break_base()
    image, log = await yard.build("base")
    assert (log.count("STRICT is=0."), log.count("STRICT is=.")) == (1, 1)
    assert image.tests == ("good",)
    reasons = dict(image.not_built)
    assert reasons["bad_program"] == "progs/bad.c does not build on the base: unknown type name 'this'"
    assert reasons["bad_test"] == "prog_tests/bad_test.c does not build on the base"
    with pytest.raises(BuildFailedError):
        await yard.build("patched", {f"{BPF}/prog_tests/good.c": "#include <no-such-header.h>\n" + prog_test("good")})


async def test_hostile_build_harms_only_itself(yard):
    await yard.build("base")
    before = yard.kept()
    overwrite = "for f in $$(find /build -type f); do echo evil >$$f; done; rm -rf /build/out/*"
    evil = f"{KERNEL_MAKEFILE}\nx := $(shell ({overwrite}) 2>/dev/null)\n$(error done)\n"
    with pytest.raises(BuildFailedError):
        await yard.build("evil", {"Makefile": evil})
    assert yard.kept() == before
    image, log = await yard.build("null", {"README": "nothing\n"})
    assert "COMPILED" not in log
    assert b"made of the base" in (image.folder / "vmlinux").read_bytes()


async def test_new_test_of_a_series_is_selected_and_built(yard):
    changes = {f"{BPF}/prog_tests/fresh.c": prog_test("fresh", "fresh"), f"{BPF}/progs/fresh.c": "int fresh;\n"}
    image, _ = await yard.build("patched", changes)
    assert image.tests == ("fresh", "good")
    assert dict(image.selection)["fresh"] == "progs/fresh.c is changed"
    assert "selftests/fresh.bpf.o" in packed(image)


async def test_series_that_repairs_a_test_of_the_base_has_it_built(yard):
    yard.break_base()
    image, _ = await yard.build("patched", {f"{BPF}/progs/bad.c": "int repaired;\n"})
    assert image.tests == ("bad_program", "good")
    assert set(dict(image.not_built)) == {"no_skeleton", "bad_test", "absent"}
    assert "selftests/bad.bpf.o" in packed(image)


async def test_series_is_not_blamed_for_what_the_base_cannot_build_either_though_it_touches_it(yard):
    yard.break_base()
    image, log = await yard.build("patched", {f"{BPF}/progs/bad.c": "this is not C either\n"})
    assert "again, without bad_program" in log
    assert image.tests == ("good",)
    assert dict(image.not_built)["bad_program"] == "progs/bad.c does not build on the base: unknown type name 'this'"
    assert "selftests/bad.bpf.o" not in packed(image)
    with pytest.raises(BuildFailedError):
        await yard.build("both", {f"{BPF}/progs/good.c": "nor is this\n"})


async def test_series_is_not_blamed_for_a_pahole_that_is_too_old_for_its_kfuncs(yard, tools):
    """vmlinux.h declares them where the kernel's BTF has tags for them, which takes pahole 1.26."""
    yard.builder._toolchain = {**tools, "pahole": "1.24"}
    program = "int fresh(void)\n{\n\treturn bpf_new_kfunc();\n}\n"
    changes = {f"{BPF}/prog_tests/fresh.c": prog_test("fresh", "fresh"), f"{BPF}/progs/fresh.c": program}
    image, _ = await yard.build("patched", changes)
    assert image.tests == ("good",)
    assert dict(image.not_built)["fresh"].startswith(
        "progs/fresh.c does not build here: pahole is 1.24, and 1.26 is needed: kfuncs are declared"
    )
    yard.builder._toolchain = {**tools, "pahole": "1.26"}
    with pytest.raises(BuildFailedError):
        await yard.build("new", changes)


async def test_series_that_takes_away_what_a_program_calls_is_not_excused_by_an_old_pahole(yard, tools):
    yard.builder._toolchain = {**tools, "pahole": "1.24"}
    header, program = f"{BPF}/progs/helper.h", f"{BPF}/progs/good.c"
    yard.upstream.write(header, "static inline int bpf_helper(void) { return 1; }\n")
    text = '#include "helper.h"\nint good(void)\n{\n\treturn bpf_helper();\n}\n'
    yard.upstream.write(program, text)
    yard.base = yard.upstream.commit("a helper")
    yard.tree = yard.tree.model_copy(update={"ref": yard.base})
    image, _ = await yard.build("base")
    assert image.tests == ("good",)
    renamed = "static inline int bpf_renamed(void) { return 1; }\n"
    with pytest.raises(BuildFailedError):
        await yard.build("without", {header: renamed, program: f"{text}/* touched */\n"})


async def test_what_is_changed_in_the_second_in_which_the_base_was_built_is_built_again(yard, monkeypatch):
    await yard.build("base")
    made = max(path.stat().st_mtime for path in (yard.place / "cache" / "builds").rglob("good.bpf.o"))
    within = math.floor(made) + 0.999_999
    monkeypatch.setattr("workers.adapters.git.time", SimpleNamespace(time=lambda: within))
    image, _ = await yard.build("patched", {f"{BPF}/progs/good.c": "int changed_at_once;\n"})
    assert b"changed_at_once" in (image.folder / "selftests.cpio").read_bytes()


async def test_series_is_blamed_for_its_own_errors_only(yard):
    with pytest.raises(BuildFailedError) as caught:
        await yard.build("kernel", {"core.c": "not C\n"})
    assert caught.value.target == "the kernel"
    with pytest.raises(BuildFailedError) as caught:
        await yard.build("tests", {f"{BPF}/prog_tests/good.c": "not C\n" + prog_test("good", "good")})
    assert caught.value.target == "the selftests"
    yard.upstream.write("core.c", "not C on the base\n")
    yard.base = yard.upstream.commit("broken")
    yard.tree = yard.tree.model_copy(update={"ref": "master"})
    yard.trees = Trees(yard.place / "trees2")
    with pytest.raises(BuildFailedError, match="the kernel of the base"):
        await yard.build("brokenbase")
    with pytest.raises(InfrastructureError, match="itself does not build"):
        await yard.build("patched", {"other.c": "int another;\n"})


async def test_link_in_place_of_the_kernel_is_refused(yard):
    recipe = KERNEL_MAKEFILE.replace("cp $< $@", "ln -sf /etc/shadow $(O)/vmlinux; touch $@")
    with pytest.raises((BuildFailedError, InfrastructureError)):
        await yard.build("link", {"Makefile": recipe, "core.c": CORE.replace("base", "patch")})
    assert yard.builder.images.find("link") is None


async def test_kept_image_is_used_again_without_a_build(yard):
    first, _ = await yard.build("samekey")
    again, log = await yard.build("samekey")
    assert (again, log) == (first, "")
    assert await yard.builder.find("samekey") == first


async def test_fragments_of_the_tree_are_those_of_what_is_built(yard):
    yard.upstream.write(f"{BPF}/config", "CONFIG_OF_THE_TREE=y\n")
    yard.tree = yard.tree.model_copy(update={"ref": yard.upstream.commit("a configuration")})
    yard.base = yard.tree.ref
    fragments = (f"{BPF}/config", f"{BPF}/config.vm", *yard.profile.config)
    yard.profile = yard.profile.model_copy(update={"config": fragments, "config_from": ConfigFrom.NOTHING})
    base, log = await yard.build("base")
    assert (base.folder / "config").read_text() == "CONFIG_OF_THE_TREE=y\nCONFIG_FRAGMENT=y\nCONFIG_TOY=y\n"
    assert f"reroll: this tree has no /build/original/{BPF}/config.vm" in log
    image, _ = await yard.build("patched", {f"{BPF}/config": "CONFIG_OF_THE_TREE=y\nCONFIG_OF_THE_SERIES=y\n"})
    assert "CONFIG_OF_THE_SERIES=y" in (image.folder / "config").read_text()
    yard.profile = yard.profile.model_copy(update={"config": ("/no/such.config",)})
    with pytest.raises(InfrastructureError, match=r"no/such\.config, which is not a file"):
        await yard.build("gone")


async def test_fragment_that_is_not_there_is_said(yard):
    yard.profile = yard.profile.model_copy(update={"config": ("nowhere.config",)})
    with pytest.raises(InfrastructureError, match=r"nowhere\.config, which is not a file"):
        await yard.build("base")


async def test_a_build_has_its_time_however_long_it_waited_for_another(yard, monkeypatch):
    """Another worker may be building the same base, for twenty minutes."""
    await yard.build("base")
    left = {}
    run = Workshop.run

    async def timed(job, target, *arguments, **named):
        left.setdefault(target, job.deadline - asyncio.get_running_loop().time())
        return await run(job, target, *arguments, **named)

    monkeypatch.setattr(Workshop, "run", timed)
    (lock,) = (yard.place / "cache" / "builds").glob(f"*/{LOCK}")
    with contextlib.ExitStack() as other:
        assert other.enter_context(locks.try_lock(lock))
        building = asyncio.create_task(yard.build("revision", {"core.c": "int changed;\n"}))
        await asyncio.sleep(3)
        assert left == {}
    await building
    limit_s = yard.profile.build_timeout.total_seconds()
    assert limit_s - 1 < left["the kernel"] <= limit_s
