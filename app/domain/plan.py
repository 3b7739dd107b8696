"""A series' files -> the tests to run, and the files of the selftests that have to be built for them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from fnmatch import fnmatchcase

from app.domain.areas import AREAS, Area
from app.domain.selftests_index import TreeIndex
from app.domain.suites import FLAVOURS, WHOLE, Suite, read, spelled

VERSION = 8
"""Of what is chosen for the same files of the same tree; raised when that changes: images made before are not used."""

SELFTESTS = "tools/testing/selftests/bpf/"

MANY_TESTS = 20
"""A prog_tests file with more tests than this is a list of them (verifier.c): the touched programs say which matter."""

CORE = "core of the profile"
ALL = "the profile runs everything"

MANY_USERS = 20
"""A header that more programs than this include says nothing about which of them matter."""


class Turn(IntEnum):
    """When a test runs: FIRST what the series asks for by name, and the core; then the MANY that an area asks for
    (app.domain.areas), then the REST, which runs because the profile has it.
    """

    FIRST = 0
    MANY = 1
    REST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedTest:
    """A top-level test to run, why, and when."""

    name: str
    reason: str
    turn: Turn = Turn.FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a profile has: `core` are names or globs of tests that are always run, `suites` those that it may run.

    `everything`: all of each suite, what the series asks for first; else only that and the core.
    """

    core: tuple[str, ...]
    suites: tuple[Suite, ...] = (Suite.TEST_PROGS,)
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to run and what to build for it.

    `tests` are tests of test_progs, the series' own first; they are run in each of `flavours`, too. `others` are of
    other suites, spelled (app.domain.suites). `prog_tests` and `progs` are the file names to keep in the scratch copy's
    folders of those names; other .c files there have to go (headers stay). `missing` are core tests and suites that
    the tree does not have, `unbuildable` wanted tests that cannot be built, with the reason.
    """

    tests: tuple[SelectedTest, ...]
    flavours: tuple[Suite, ...]
    others: tuple[SelectedTest, ...]
    prog_tests: tuple[str, ...]
    progs: tuple[str, ...]
    missing: tuple[str, ...]
    unbuildable: tuple[SelectedTest, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of test_progs' tests, in order."""
        return tuple(test.name for test in self.tests)

    @property
    def spelled(self) -> tuple[str, ...]:
        """All tests, as they are spelled; those of flavours go with those of test_progs."""
        return (*self.names, *(one.name for one in self.others))

    @property
    def suites(self) -> tuple[Suite, ...]:
        """The suites to build."""
        others = {read(one.name)[0] for one in self.others}
        return (Suite.TEST_PROGS, *self.flavours, *(suite for suite in Suite if suite in others))

    def reasons(self) -> tuple[tuple[str, str], ...]:
        """Return each test, spelled, with the reason for it; those of flavours go with those of test_progs."""
        return tuple((test.name, test.reason) for test in (*self.tests, *self.others))

    def order(self, *, but: Collection[str] = ()) -> tuple[str, ...]:
        """Return all tests, spelled, in the order to run: turn by turn, then the flavours.

        Each turn is in the order of its bytes, as the suites run them (app.domain.suites.invocations). Those of `but`
        are left out, of flavours too.
        """
        parts = {turn: sorted(t.name for t in self.tests if t.turn is turn and t.name not in but) for turn in Turn}
        others = {turn: [o.name for o in self.others if o.turn is turn and o.name not in but] for turn in Turn}
        flavoured = [spelled(flavour, name) for flavour in self.flavours for turn in Turn for name in parts[turn]]
        return (*(name for turn in Turn for name in (*parts[turn], *others[turn])), *flavoured)

    def first(self, *, but: Collection[str] = ()) -> tuple[str, ...]:
        """Return the tests of test_progs that the first verdict is given by; none where nothing comes after them."""
        names = tuple(sorted(t.name for t in self.tests if t.turn is Turn.FIRST and t.name not in but))
        return names if len(names) < len(self.order(but=but)) else ()


def select(files: Sequence[str], tree: TreeIndex, wanted: Wanted) -> Selection:
    """Choose the tests for a series.

    Args:
        files: paths in the tree that the series touches.
        tree: the selftests of the patched tree, or those of the base for a baseline: what is not in it is left out.
        wanted: what the profile has.
    """
    own = [path.removeprefix(SELFTESTS) for path in files if path.startswith(SELFTESTS)]
    programs = _touched_programs(own, tree)
    areas = [(area, path) for area in AREAS if (path := _first_below(area.prefix, files))]
    reasons = _touched_tests(own, programs, tree)
    for area, path in areas:
        reasons |= {test: f"{path} is changed" for test in _of_area(area, tree) if test not in reasons}
    every = tree.tests
    reasons |= {test: CORE for test in _matching(every, wanted.core) if test not in reasons}
    many: dict[str, str] = {}
    for area, path in areas:
        broad = _matching(every, area.broad)
        many |= {test: f"{path} is changed" for test in broad if test not in reasons and test not in many}
    missing = tuple(glob for glob in wanted.core if not _matching(every, (glob,)))
    if wanted.everything:
        missing += tuple(suite for suite in wanted.suites if suite not in tree.suites)
    wanted = replace(wanted, suites=tuple(suite for suite in wanted.suites if suite in tree.suites))
    chosen = [SelectedTest(name=name, reason=reason) for name, reason in reasons.items()]
    chosen += [SelectedTest(name=name, reason=reason, turn=Turn.MANY) for name, reason in many.items()]
    if wanted.everything:
        known = reasons.keys() | many.keys()
        chosen += [SelectedTest(name=name, reason=ALL, turn=Turn.REST) for name in every if name not in known]
    others = _other_suites(wanted, areas, {name: why for name, why in programs.items() if name in tree.programs})
    selection = _with_files(tuple(chosen), others, tree, missing)
    return replace(selection, flavours=tuple(one for one in FLAVOURS[1:] if one in wanted.suites))


def narrow(selection: Selection, tests: Iterable[str], tree: TreeIndex) -> Selection:
    """Return the part of a selection that is left with some of its tests, spelled; flavours go with test_progs."""
    kept = frozenset(tests)
    others = tuple(each for each in selection.others if each.name in kept)
    less = _with_files(tuple(each for each in selection.tests if each.name in kept), others, tree, ())
    return replace(less, flavours=selection.flavours)


def _touched_tests(own: Sequence[str], programs: Mapping[str, str], tree: TreeIndex) -> dict[str, str]:
    """Return the tests of touched programs and those of touched test files, each with the reason."""
    reasons: dict[str, str] = {}
    for program, reason in programs.items():
        for file in tree.files.values():
            if program in file.programs:
                reasons |= {test: reason for test in file.users(program) if test not in reasons}
    for name, reason in _touched_test_files(own, tree).items():
        tests = tree.files[name].tests
        if len(tests) > MANY_TESTS and any(test in reasons for test in tests):
            continue
        reasons |= {test: reason for test in tests if test not in reasons}
    return reasons


def _other_suites(
    wanted: Wanted, areas: Sequence[tuple[Area, str]], programs: Mapping[str, str]
) -> tuple[SelectedTest, ...]:
    asked = {suite: f"{path} is changed" for area, path in reversed(areas) for suite in area.suites}
    found = []
    for suite in wanted.suites:
        if suite in FLAVOURS:
            continue
        if suite in asked or wanted.everything:
            reason = asked.get(suite, ALL)
            turn = Turn.MANY if suite in asked else Turn.REST
            found.append(SelectedTest(name=spelled(suite, WHOLE), reason=reason, turn=turn))
        elif suite is Suite.VERISTAT:
            found += [
                SelectedTest(name=spelled(suite, f"{name}.bpf.o"), reason=programs[name]) for name in sorted(programs)
            ]
    return tuple(found)


def _first_below(prefix: str, files: Sequence[str]) -> str | None:
    return next((path for path in files if path.startswith(prefix)), None)


def _of_area(area: Area, tree: TreeIndex) -> list[str]:
    found = _matching(tree.tests, area.tests)
    if area.log_checks:
        verifier = _matching(tree.tests, ("verifier_*",))
        checking = {test for file in tree.files.values() for test in file.tests if file.used_by[test] & tree.log_checks}
        found += [test for test in verifier if test in checking]
    return found


def _with_files(
    tests: tuple[SelectedTest, ...], others: tuple[SelectedTest, ...], tree: TreeIndex, missing: tuple[str, ...]
) -> Selection:
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
    for suite, name in (read(one.name) for one in others):
        programs |= {name.removesuffix(".bpf.o")} & tree.programs
        programs |= tree.map_programs if suite == Suite.TEST_MAPS else set()
    for program in tuple(programs):
        included = {name.removesuffix(".c") for name in tree.included[program] if name.endswith(".c")}
        programs |= included & tree.programs
    return Selection(
        tests=tuple(test for test in tests if test.name in wanted),
        flavours=(),
        others=others,
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
