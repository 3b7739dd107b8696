"""Files that a series renames: what the base says of them is no news under their new names."""

from dataclasses import dataclass, field

import pytest

from app.domain.build_warnings import KERNEL_BEGINS, SELFTESTS_BEGIN, build_warnings
from app.domain.diff import extract_diff
from app.domain.outcome import Outcome
from app.domain.patches import Part
from workers.steps.patch_builds import Built, Line, warnings_of

pytestmark = pytest.mark.anyio

RENAMED = """\
diff --git a/{old} b/{new}
similarity index 100%
rename from {old}
rename to {new}
"""


@dataclass
class Base:
    """A tree whose unpatched sources say `log` when they are compiled again; keeps which objects were asked for."""

    log: str
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def again(self, _commit, objects, *, linked, tools, log, warn=0):
        self.asked.append(tuple(objects))
        log(self.log.encode())


class Record:
    """Takes logs and keeps none."""

    def log(self, _name):
        return lambda _data: None


def line_of(*renames):
    diffs = tuple(extract_diff(RENAMED.format(old=old, new=new)).files for old, new in renames)
    return Line(patches=(None,) * len(diffs), diffs=diffs, commits=("base", *map(str, range(len(diffs)))))


def built_with(line, part, log):
    said = {part: build_warnings(log)}
    return [Built(position=line.length, outcome=Outcome.PASS, parts=(part,), said=said)]


async def new_ones(line, part, patched, base):
    begins = {Part.KERNEL: KERNEL_BEGINS, Part.SELFTESTS: SELFTESTS_BEGIN}[part]
    steps = Base(f"{begins}\n{base}")
    told = await warnings_of(Record(), steps, line, built_with(line, part, patched), warn=0)
    return [(one["file"], one["text"]) for ones in told.values() for one in ones], steps.asked


@pytest.mark.parametrize(
    "renames",
    [
        [("kernel/bpf/old.c", "kernel/bpf/new.c")],
        [("kernel/bpf/old.c", "kernel/bpf/between.c"), ("kernel/bpf/between.c", "kernel/bpf/new.c")],
    ],
)
async def test_what_the_base_says_of_a_file_is_no_news_under_another_name(renames):
    patched = (
        "kernel/bpf/new.c:7:5: warning: unused variable 'x'\n"
        "kernel/bpf/new.c:9:5: warning: unused variable 'y'\n"
        "kernel/bpf/new.o: warning: objtool: frob+0x12: unreachable instruction\n"
    )
    base = (
        "kernel/bpf/old.c:3:5: warning: unused variable 'x'\n"
        "kernel/bpf/old.o: warning: objtool: frob+0x10: unreachable instruction\n"
    )
    told, asked = await new_ones(line_of(*renames), Part.KERNEL, patched, base)
    assert told == [("kernel/bpf/new.c", "unused variable 'y'")]
    assert asked == [("kernel/bpf/old.o",)]


async def test_a_selftest_is_known_by_the_name_that_it_had_from_its_own_folder():
    folder = "tools/testing/selftests/bpf"
    line = line_of((f"{folder}/prog_tests/old.c", f"{folder}/prog_tests/new.c"))
    patched = "prog_tests/new.c:7:5: warning: unused variable 'x'\n"
    base = "prog_tests/old.c:3:5: warning: unused variable 'x'\n"
    assert (await new_ones(line, Part.SELFTESTS, patched, base))[0] == []
    assert (await new_ones(line, Part.SELFTESTS, patched, ""))[0] == [
        (f"{folder}/prog_tests/new.c", "unused variable 'x'")
    ]


async def test_a_header_that_is_renamed_is_known_by_its_old_name():
    line = line_of(("include/linux/old.h", "include/linux/new.h"))
    patched = (
        "In file included from kernel/bpf/core.c:12:\ninclude/linux/new.h:7:5: warning: 'x' defined but not used\n"
    )
    base = "In file included from kernel/bpf/core.c:12:\ninclude/linux/old.h:3:5: warning: 'x' defined but not used\n"
    told, asked = await new_ones(line, Part.KERNEL, patched, base)
    assert told == []
    assert asked == [("kernel/bpf/core.o",)]
