"""Commits built one after the other on a toy kernel: make, gcc, git, perl and the sandbox are real."""

from contextlib import asynccontextmanager

import pytest

from app.domain.build_warnings import build_warnings, compiled, parts_of_log
from app.domain.patches import Part
from app.errors import BuildFailedError
from tests.workers.adapters.conftest import place  # noqa: F401 - a fixture
from tests.workers.adapters.test_kbuild import BPF, CORE, KERNEL_MAKEFILE, Yard, prog_test, tools  # noqa: F401
from workers.adapters.stepwise import Stepping

pytestmark = [pytest.mark.anyio, pytest.mark.tools]

MAKEFILE = (
    KERNEL_MAKEFILE.replace("$(CC) -c", "@echo '  CC      $(notdir $@)'; $(CC) -Wall $(EXTRA) -c")
    + """
ifdef W
EXTRA := -Wextra
endif
vmlinux: $(O)/vmlinux
core.o other.o: %.o: $(O)/%.o
"""
)
CHECKPATCH = """
open my $patch, '<', $ARGV[-1] or die;
my $found = 0;
while (<$patch>) { if (/^\\+.*XXX/) { print "$ARGV[-1]:$.: WARNING:XXX: do not leave XXX\\n"; $found = 1 } }
exit $found;
"""
MAINTAINERS = """
print "Max Maintainer <max\\@example.org> (maintainer:TOY)\\nbpf\\@vger.example.org (open list)\\n";
"""


class Line:
    """A series of commits in a worktree, and what builds them."""

    def __init__(self, steps, commits, mails):
        self.steps = steps
        self.commits = commits
        self.mails = mails

    async def build(self, position, *parts):
        """Return the log of building a commit."""
        log = bytearray()
        try:
            await self.steps.build(self.commits[position], parts or (Part.KERNEL,), log=log.extend)
        except BuildFailedError as error:
            return f"{log.decode()}\nFAILED {error.target}"
        return log.decode()


@pytest.fixture
def yard(place, tools):  # noqa: F811
    (place / "yard").mkdir()
    yard = Yard(place / "yard")
    yard.builder._toolchain = tools
    yard.upstream.write("Makefile", MAKEFILE)
    yard.upstream.write("scripts/checkpatch.pl", CHECKPATCH)
    yard.upstream.write("scripts/get_maintainer.pl", MAINTAINERS)
    yard.upstream.write("other.c", "static int quiet(void) { return 1; }\n")  # a warning of the base
    yard.base = yard.upstream.commit("a toy kernel that warns")
    yard.tree = yard.tree.model_copy(update={"ref": yard.base})
    return yard


@asynccontextmanager
async def line(yard, *changes):
    """Hold a series of one commit a change (path -> text)."""
    for change in changes:
        for path, text in change.items():
            yard.upstream.write(path, text)
        yard.upstream.commit("change")
    mails = yard.upstream.mails(yard.base)
    base = await yard.trees.resolve(yard.tree, None)
    files = sorted({path for change in changes for path in change})
    async with yard.trees.checkout(yard.tree, base) as checkout:
        top = await checkout.am(mails)
        commits = (yard.base, *await checkout.below(top, yard.base))
        async with Stepping(yard.builder).over(checkout, yard.profile, files=files) as steps:
            yield Line(steps, commits, mails)
        assert await checkout.head() == top


async def test_each_commit_builds_what_it_changes_and_no_more(yard):
    changed = {"core.c": f"{CORE}int one;\n"}, {"other.c": "int other;\n"}, {"core.c": CORE}
    before = None
    async with line(yard, *changed) as series:
        before = yard.kept()
        logs = [await series.build(position) for position in (1, 2, 3)]
    assert [compiled(log) for log in logs] == [{"core.o"}, {"other.o"}, {"core.o"}]
    assert yard.kept() == before, "what single patches build is thrown away"


async def test_a_file_that_is_as_on_the_base_again_is_built_again(yard):
    """Its object is that of the patch before: the mtime of the base would be older than it."""
    async with line(yard, {"core.c": "#error broken\n"}, {"core.c": CORE}) as series:
        assert "FAILED the kernel" in await series.build(1)
        assert "FAILED" not in await series.build(2)


async def test_back_and_forth_as_bisecting_goes(yard):
    async with line(yard, {"core.c": f"{CORE}int one;\n"}, {"core.c": f"{CORE}int two;\n"}) as series:
        for position in (2, 1, 2, 0):
            log = await series.build(position)
            assert compiled(log) == {"core.o"}


async def test_what_does_not_build_is_built_again_upon_the_base_before_it_is_said(yard):
    async with line(yard, {"other.c": "int other;\n"}, {"core.c": "#error broken\n"}, {"core.c": CORE}) as series:
        await series.build(1)
        log = await series.build(2)
        assert log.count("#error broken") >= 2
        assert "reroll: building it again, upon the objects of the base" in log
        assert "FAILED the kernel" in log
        assert "FAILED" not in await series.build(3)


async def test_warnings_of_a_patch_and_of_the_base(yard):
    used = "static int quiet(void) { return 1; }\nint loud(void) { int x; return 1; }\n"
    async with line(yard, {"other.c": used}, {"core.c": f"{CORE}static int lost(void) {{ return 2; }}\n"}) as series:
        logs = [await series.build(position) for position in (1, 2)]
        base = bytearray()
        await series.steps.again(series.commits[0], ["core.o", "other.o"], linked=False, tools=False, log=base.extend)
    said = [{warning.key for warning in build_warnings(parts_of_log(log)[Part.KERNEL])} for log in logs]
    known = {warning.key for warning in build_warnings(parts_of_log(base.decode())[Part.KERNEL])}
    unused = "{} [-Wunused-{}]"
    assert known == {("other.c", unused.format("'quiet' defined but not used", "function"))}
    assert said[0] - known == {("other.c", unused.format("unused variable 'x'", "variable"))}
    assert said[1] - known == {("core.c", unused.format("'lost' defined but not used", "function"))}


async def test_what_linking_the_base_says_is_asked_once(yard):
    async with line(yard, {"core.c": f"{CORE}int one;\n"}) as series:
        said = []
        for _ in range(2):
            log = bytearray()
            await series.steps.again(series.commits[0], [], linked=True, tools=False, log=log.extend)
            said.append(log.decode())
        of_patch = bytearray()
        await series.steps.again(series.commits[1], [], linked=True, tools=False, log=of_patch.extend)
    (kept,) = (yard.place / "cache" / "builds").glob("*/linked.log")
    assert said[0] == said[1]
    assert kept.read_text() in said[0]
    assert "ld -r" in kept.read_text()
    assert compiled(of_patch.decode()) == {"core.o"}, "a patched tree is linked each time"


async def test_more_warnings_where_they_are_asked_for(yard):
    async with line(yard, {"core.c": f"{CORE}int f(int unused) {{ return 1; }}\n"}) as series:
        assert "warning" not in await series.build(1)
        log = bytearray()
        await series.steps.again(series.commits[1], ["core.o"], linked=False, tools=False, log=log.extend, warn=1)
    assert "-Wunused-parameter" in log.decode()


async def test_selftests_of_a_patch(yard):
    tests = {f"{BPF}/prog_tests/fresh.c": prog_test("fresh", "good")}
    broken = {f"{BPF}/prog_tests/fresh.c": "#error broken\n" + prog_test("fresh", "good")}
    async with line(yard, broken, tests) as series:
        log = await series.build(1, Part.SELFTESTS)
        assert "FAILED the selftests" in log
        assert parts_of_log(log).keys() == {Part.KERNEL, Part.SELFTESTS}
        assert "FAILED" not in await series.build(2, Part.SELFTESTS)


async def test_an_image_of_a_commit_in_the_middle(yard):
    async with line(
        yard, {"core.c": CORE.replace("base", "first")}, {"core.c": CORE.replace("base", "last")}
    ) as series:
        log = bytearray()
        image = await series.steps.image(series.commits[1], key="middle", log=log.extend)
        assert b"made of the first" in (image.folder / "vmlinux").read_bytes()
        assert image.tests == ("good",)
        assert (await yard.builder.find("middle")) is not None
        assert "FAILED" not in await series.build(2)


async def test_the_trees_own_scripts_are_asked_about_each_patch(yard):
    async with line(yard, {"core.c": f"{CORE}// XXX one\n"}, {"other.c": "int other;\n"}) as series:
        first, second = await series.steps.advice(series.commits[0], series.mails)
    assert len(first.remarks) == 1
    assert first.remarks[0].endswith("WARNING:XXX: do not leave XXX")
    assert second.remarks == ()
    assert first.people == second.people == (
        "Max Maintainer <max@example.org> (maintainer:TOY)",
        "bpf@vger.example.org (open list)",
    )  # fmt: skip


async def test_a_tree_without_such_scripts_gives_no_advice(yard):
    for name in ("checkpatch", "get_maintainer"):
        (yard.upstream.folder / f"scripts/{name}.pl").unlink()
    yard.base = yard.upstream.commit("no scripts")
    yard.tree = yard.tree.model_copy(update={"ref": yard.base})
    async with line(yard, {"core.c": f"{CORE}// XXX one\n"}) as series:
        (only,) = await series.steps.advice(series.commits[0], series.mails)
    assert (only.remarks, only.people) == (None, None)
