"""A series' files -> the tests to run, and the files of the selftests that have to be built for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from app.domain.selftests_index import TreeIndex

SELFTESTS = "tools/testing/selftests/bpf/"

MANY_TESTS = 20
"""A prog_tests file with more tests than this is a list of them (verifier.c): the touched programs say which matter."""

MANY_USERS = 20
"""A header that more programs than this include says nothing about which of them matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Code whose change asks for certain tests: paths that begin with `prefix`, tests that match a glob of `tests`."""

    prefix: str
    tests: tuple[str, ...]


AREAS = (
    Area(prefix="kernel/bpf/log.c", tests=("verifier_log", "log_buf", "log_fixup")),
    Area(prefix="kernel/bpf/bpf_iter.c", tests=("bpf_iter", "bpf_iter_*")),
    Area(prefix="kernel/bpf/map_iter.c", tests=("bpf_iter",)),
    Area(prefix="kernel/bpf/task_iter.c", tests=("bpf_iter", "task_iter*")),
    Area(prefix="kernel/bpf/cgroup_iter.c", tests=("cgroup_iter",)),
    Area(prefix="kernel/bpf/link_iter.c", tests=("bpf_iter",)),
    Area(prefix="kernel/bpf/prog_iter.c", tests=("bpf_iter",)),
    Area(prefix="kernel/bpf/ringbuf.c", tests=("ringbuf*", "user_ringbuf")),
    Area(prefix="kernel/bpf/arraymap.c", tests=("map_*", "global_data_init", "global_map_resize")),
    Area(prefix="kernel/bpf/hashtab.c", tests=("map_*", "htab_*")),
    Area(prefix="tools/lib/bpf/", tests=("libbpf_*", "global_data_init", "bpf_obj_*")),
)
"""What a change of the code itself asks for when the answer has to come within a minute or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedTest:
    """A top-level test to run, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to run and what to build for it.

    `tests` are in the order to run: the series' own first. `prog_tests` and `progs` are the file names to keep in the
    scratch copy's folders of those names; other .c files there have to go (headers stay). `missing` are core tests that
    the tree does not have, `unbuildable` wanted tests that cannot be built, with the reason.
    """

    tests: tuple[SelectedTest, ...]
    prog_tests: tuple[str, ...]
    progs: tuple[str, ...]
    missing: tuple[str, ...]
    unbuildable: tuple[SelectedTest, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The tests' names, in order."""
        return tuple(test.name for test in self.tests)


def select(files: Sequence[str], tree: TreeIndex, core: Sequence[str]) -> Selection:
    """Choose the tests for a series.

    Args:
        files: paths in the tree that the series touches.
        tree: the selftests of the patched tree, or those of the base for a baseline: what is not in it is left out.
        core: names or globs of tests that are always run.
    """
    reasons: dict[str, str] = {}
    own = [path.removeprefix(SELFTESTS) for path in files if path.startswith(SELFTESTS)]
    programs = _touched_programs(own, tree)
    for program, reason in programs.items():
        for file in tree.files.values():
            if program in file.programs:
                reasons |= {test: reason for test in file.users(program) if test not in reasons}
    for name, reason in _touched_test_files(own, tree).items():
        tests = tree.files[name].tests
        if len(tests) > MANY_TESTS and any(test in reasons for test in tests):
            continue
        reasons |= {test: reason for test in tests if test not in reasons}
    every = tree.tests
    for area in AREAS:
        touched = next((path for path in files if path.startswith(area.prefix)), None)
        if touched is not None:
            reasons |= {test: f"{touched} is changed" for test in _matching(every, area.tests) if test not in reasons}
    reasons |= {test: "core of the profile" for test in _matching(every, core) if test not in reasons}
    missing = tuple(glob for glob in core if not _matching(every, (glob,)))
    chosen = tuple(SelectedTest(name=name, reason=reason) for name, reason in reasons.items())
    return _with_files(chosen, tree, missing)


def narrow(selection: Selection, tests: Iterable[str], tree: TreeIndex) -> Selection:
    """Return the part of a selection that is needed to run some of its tests again."""
    wanted = frozenset(tests)
    return _with_files(tuple(each for each in selection.tests if each.name in wanted), tree, ())


def _with_files(tests: tuple[SelectedTest, ...], tree: TreeIndex, missing: tuple[str, ...]) -> Selection:
    broken = {
        test: f"prog_tests/{name} includes {', '.join(sorted(file.absent))}.skel.h, which the tree has no program for"
        for name, file in tree.files.items()
        if file.absent
        for test in file.tests
    }
    wanted = {test.name for test in tests if test.name not in broken}
    kept = {name: file for name, file in tree.files.items() if wanted & set(file.tests)}
    kept |= {name: tree.files[name] for file in tuple(kept.values()) for name in sorted(file.needs)}
    programs = set(tree.named).union(*(file.programs for file in kept.values()))
    for program in tuple(programs):
        included = {name.removesuffix(".c") for name in tree.included[program] if name.endswith(".c")}
        programs |= included & tree.programs
    return Selection(
        tests=tuple(test for test in tests if test.name in wanted),
        prog_tests=tuple(sorted(kept)),
        progs=tuple(sorted(f"{program}.c" for program in programs)),
        missing=missing,
        unbuildable=tuple(
            SelectedTest(name=test.name, reason=broken[test.name]) for test in tests if test.name in broken
        ),
    )


def _touched_programs(own: Sequence[str], tree: TreeIndex) -> dict[str, str]:
    """Return touched programs and those that include a touched file of progs/, each with the reason."""
    touched: dict[str, str] = {}
    for path in own:
        folder, _, name = path.partition("/")
        if folder != "progs":
            continue
        users = [program for program, included in tree.included.items() if name in included]
        if name.endswith(".c") and name.removesuffix(".c") in tree.programs:
            touched.setdefault(name.removesuffix(".c"), f"{path} is changed")
        if len(users) <= MANY_USERS:
            touched |= {user: f"progs/{user}.c includes {path}" for user in sorted(users) if user not in touched}
    return touched


def _touched_test_files(own: Sequence[str], tree: TreeIndex) -> dict[str, str]:
    touched: dict[str, str] = {}
    for path in own:
        folder, _, name = path.partition("/")
        if folder != "prog_tests":
            continue
        if name in tree.files:
            touched.setdefault(name, f"{path} is changed")
        elif name.endswith(".h"):
            users = [file for file, index in tree.files.items() if name in index.headers]
            touched |= {user: f"prog_tests/{user} includes {path}" for user in users if user not in touched}
    return touched


def _matching(tests: Sequence[str], globs: Iterable[str]) -> list[str]:
    globs = tuple(globs)
    return [test for test in tests if any(fnmatchcase(test, glob) for glob in globs)]
