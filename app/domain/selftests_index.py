"""The texts below tools/testing/selftests/bpf -> which test uses which BPF program.

prog_tests/*.c define `test_NAME()` or `serial_test_NAME()` at the start of a line (that is how the Makefile finds
them) and include `PROG.skel.h`, `.lskel.h` or `.subskel.h`, which bpftool makes from progs/PROG.c; others open
`PROG.bpf.o` by its name when they run. C is read here only as far as that takes, in one pass over the lines.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.domain.fitness import FILE_RULES, Facts, needs_of, needs_of_program
from app.domain.suites import Suite

# No \s here: it would run over newlines, and again from each of them.
_SKELETON = re.compile(
    r'^[ \t]*#[ \t]*include[ \t]*[<"](?:[^">\n]{0,200}/)?([\w-]{1,200}?)(?:\.light)?\.(?:l|sub)?skel\.h[">]',
    re.MULTILINE,
)
_INCLUDE = re.compile(
    r'^[ \t]*#[ \t]*include[ \t]*"(?:[^">\n]{0,200}/)?([\w-]{1,200}(?:\.[\w-]+)*\.[ch])"', re.MULTILINE
)
_TEST = re.compile(r"^void (?:serial_)?test_([A-Za-z0-9_]+)\((?:void)?\)")
_FUNCTION = re.compile(r"^[A-Za-z_][^;={}()\"]*?\b([A-Za-z_]\w*)\(")
_NO_DEFINITION = ("static ", "extern ", "typedef ")
_WORD = re.compile(r"[A-Za-z_]\w*")
_LITERAL = re.compile(r'"([\w./-]{2,100})"')
_TOOL = re.compile(r'"\./([a-z]\w{1,60})[ "]')
_FAMILY = re.compile(r'"(?:\./)?(\w+)"\s*#\s*\w+\s*"\.bpf\.o"')
_RUNNER = re.compile(r"DEFINE_TEST_RUNNER,test_progs,(\w+)\)")
_TYPES = re.compile(r'__btf_path\("(\w{1,200})\.bpf\.o"\)')
_ASSIGNED = re.compile(r"^(LINKED_SKELS|LSKELS\w*|[\w-]+\.skel\.h-deps)[ \t]*[:+]?=[ \t]*(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """One prog_tests/*.c: its tests, the programs each of them names, and the programs that the file needs at all.

    `needs` are other prog_tests files that define functions which this one calls; `asks` is what the file asks of
    kernel and guest (app.domain.fitness). `absent` are the skeletons that it includes although the tree has no program
    for them: the file cannot be built.
    """

    __test__ = False  # pytest: not a test case

    tests: tuple[str, ...]
    programs: frozenset[str]
    used_by: Mapping[str, frozenset[str]]
    headers: frozenset[str]
    needs: frozenset[str]
    asks: frozenset[str]
    absent: frozenset[str]

    def users(self, program: str) -> tuple[str, ...]:
        """Return the tests that name a program; all of the file's when it cannot be told which."""
        named = tuple(test for test in self.tests if program in self.used_by[test])
        return named or self.tests


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeIndex:
    """A tree's selftests: prog_tests files by name (`bpf_iter.c`), programs by stem (`bpf_iter_ksym`).

    `named` are the programs that the Makefile itself asks for; `included` says what each progs/*.c includes;
    `map_programs` are those that test_maps needs, for its files `map_files`. `tolerant`: its Makefile can leave out
    what does not build. `suites` are those that it builds; `log_checks` are programs that ask for the verifier's log of
    states, to check it; `asks` is what programs ask of the kernel (app.domain.fitness), of those that ask for anything.
    """

    files: Mapping[str, TestFile]
    programs: frozenset[str]
    named: frozenset[str]
    included: Mapping[str, frozenset[str]]
    map_programs: frozenset[str]
    map_files: frozenset[str]
    tolerant: bool
    suites: frozenset[Suite]
    log_checks: frozenset[str]
    asks: Mapping[str, frozenset[str]]

    def file_of(self, test: str) -> str | None:
        """Return the prog_tests file that defines a test."""
        return next((name for name, file in self.files.items() if test in file.tests), None)

    def unfit(self, tests: Iterable[str], facts: Facts) -> dict[str, str]:
        """Return those of `tests` that cannot work with what a host has, each with the reason."""
        wanted = frozenset(tests)
        found: dict[str, str] = {}
        for name, file in self.files.items():
            own = sorted(filter(None, map(facts.lacking, sorted(file.asks)))) if len(file.tests) == 1 else []
            for test in wanted.intersection(file.tests):
                reason = f"prog_tests/{name}: {own[0]}" if own else self._programs_lack(file, test, facts)
                if reason:
                    found[test] = reason
        return found

    def _programs_lack(self, file: TestFile, test: str, facts: Facts) -> str | None:
        """Return what is lacking for each of the programs of a test; None when one of them may work."""
        programs = sorted(file.used_by[test] or file.programs)
        reasons = []
        for program in programs:
            lacking = [found for need in sorted(self.asks.get(program, ())) if (found := facts.lacking(need))]
            if not lacking:
                return None
            reasons.append(f"progs/{program}.c: {lacking[0]}")
        return reasons[0] if reasons else None

    @property
    def tests(self) -> tuple[str, ...]:
        """All top-level tests, sorted as test_progs sorts them."""
        return tuple(sorted(test for file in self.files.values() for test in file.tests))


def index_tree(texts: Mapping[str, str]) -> TreeIndex:
    """Index a tree from its texts: `prog_tests/*.c`, `progs/*.c` and `Makefile`, keyed by path below selftests/bpf."""
    programs = frozenset(
        path.removeprefix("progs/").removesuffix(".c")
        for path in texts
        if path.startswith("progs/") and path.endswith(".c")
    )
    makefile = texts.get("Makefile", "")
    lists = _makefile_lists(makefile)
    linked = {
        skeleton.removesuffix(".skel.h"): frozenset(part.removesuffix(".bpf.o") for part in lists[f"{skeleton}-deps"])
        for skeleton in lists["LINKED_SKELS"]
    }
    light = {word.removesuffix(".c") for name in tuple(lists) if name.startswith("LSKELS") for word in lists[name]}
    tests = {
        path.removeprefix("prog_tests/"): text
        for path, text in sorted(texts.items())
        if path.startswith("prog_tests/") and path.endswith(".c")
    }
    maps = {path.removeprefix("map_tests/"): text for path, text in texts.items() if path.startswith("map_tests/")}
    needs = _needs(tests)
    return TreeIndex(
        files={name: _test_file(text, programs, linked, needs[name] - {name}) for name, text in tests.items()},
        programs=programs,
        named=frozenset(light).union(*linked.values()) & programs,
        included={stem: _needed(texts[f"progs/{stem}.c"]) for stem in programs},
        map_programs=(frozenset().union(*map(_SKELETON.findall, maps.values())) & programs)
        | _opened_at_run_time(texts.get("test_maps.c", ""), programs),
        map_files=frozenset(maps),
        tolerant="BPF_STRICT_BUILD" in makefile,
        suites=_suites(makefile),
        asks={stem: asked for stem in programs if (asked := needs_of_program(texts[f"progs/{stem}.c"]))},
        log_checks=frozenset(stem for stem in programs if "__log_level(" in texts[f"progs/{stem}.c"]),
    )


def _needed(program: str) -> frozenset[str]:
    """Return the files that a program includes, and the sources of the objects whose types it asks for by name."""
    return frozenset((*_INCLUDE.findall(program), *(f"{stem}.c" for stem in _TYPES.findall(program))))


def _needs(tests: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return, for each test file, the others that define what it calls: they have to be linked as well."""
    owners: dict[str, str] = {}
    defined: dict[str, set[str]] = {}
    for name, text in tests.items():
        found = (_FUNCTION.match(line[:400]) for line in text.split("\n") if not line.startswith(_NO_DEFINITION))
        defined[name] = {each[1] for each in found if each and not each.string.rstrip().endswith(";")}
        owners |= {function: name for function in defined[name] if not function.startswith(("test_", "serial_test_"))}
    return {
        name: frozenset(owners[word] for word in owners.keys() & _WORD.findall(text) if word not in defined[name])
        for name, text in tests.items()
    }


def _test_file(
    text: str, programs: frozenset[str], linked: Mapping[str, frozenset[str]], needs: frozenset[str]
) -> TestFile:
    skeletons = frozenset(_SKELETON.findall(text))
    names = (skeletons & (programs | linked.keys())) | _opened_at_run_time(text, programs)
    bodies = _functions(text)
    tests = tuple(name for name in map(_test_name, text.split("\n")) if name)
    return TestFile(
        tests=tests,
        programs=_parts(names, linked),
        used_by={test: _parts(_reached(f"test_{test}", bodies, names), linked) for test in tests},
        headers=frozenset(_INCLUDE.findall(text)),
        needs=needs,
        asks=needs_of(text, FILE_RULES),
        absent=skeletons - programs - linked.keys(),
    )


def _parts(names: Iterable[str], linked: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Replace skeletons that are linked from several programs by those programs."""
    return frozenset(part for name in names for part in linked.get(name, (name,)))


def _test_name(line: str) -> str | None:
    found = _TEST.match(line)
    return found[1] if found else None


def _opened_at_run_time(text: str, programs: frozenset[str]) -> frozenset[str]:
    """Return programs opened by name: `"x.bpf.o"`, a table of names, or a macro that pastes the name together.

    A tool that a test calls, `./xdp_synproxy`, opens xdp_synproxy_kern.bpf.o by itself.
    """
    of_tools = frozenset(f"{tool}_kern" for tool in _TOOL.findall(text)) & programs
    if ".bpf.o" not in text:
        return of_tools
    literals = {literal.removeprefix("./").removesuffix(".bpf.o") for literal in _LITERAL.findall(text)}
    families = tuple(_FAMILY.findall(text))
    named = frozenset(stem for stem in programs if stem in literals or (families and stem.startswith(families)))
    return named | of_tools


def _functions(text: str) -> dict[str, frozenset[str]]:
    """Return each function's words. A definition starts in the first column and ends with a brace there."""
    bodies: dict[str, set[str]] = {}
    name: str | None = None
    for line in text.split("\n"):
        if name is None or (line and line[0] not in " \t{}#\n"):
            found = _FUNCTION.match(line[:400])
            name = None if found is None else found[1].removeprefix("serial_")
        if name is None:
            continue
        bodies.setdefault(name, set()).update(_words(line))
        if line.startswith("}") or (line[:1] not in " \t" and line.rstrip().endswith((";", "}"))):
            name = None
    return {function: frozenset(words) for function, words in bodies.items()}


def _words(line: str) -> Iterable[str]:
    for word in _WORD.findall(line):
        yield word
        # skeletons' functions are PROG__open(), PROG__elf_bytes() ...
        yield word.partition("__")[0]


def _reached(start: str, bodies: Mapping[str, frozenset[str]], programs: frozenset[str]) -> frozenset[str]:
    seen, to_visit = {start}, [start]
    found: set[str] = set()
    while to_visit:
        words = bodies.get(to_visit.pop(), frozenset())
        found |= words & programs
        for word in words & bodies.keys() - seen:
            seen.add(word)
            to_visit.append(word)
    return frozenset(found)


def _suites(makefile: str) -> frozenset[Suite]:
    """Return test_progs, those of its flavours that have a runner, and the other suites that there is a target for."""
    flavours = set(_RUNNER.findall(makefile))
    return frozenset(
        suite
        for suite in Suite
        if (suite.flavour in flavours if suite.flavour is not None else f"$(OUTPUT)/{suite}:" in makefile)
        or (suite is Suite.TEST_MAPS and "DEFINE_TEST_RUNNER,test_maps" in makefile)
        or suite is Suite.TEST_PROGS
    )


def _makefile_lists(makefile: str) -> defaultdict[str, list[str]]:
    """Return the words of LSKELS*, of LINKED_SKELS, and of its parts (`x.skel.h-deps := a.bpf.o b.bpf.o`)."""
    lists: defaultdict[str, list[str]] = defaultdict(list)
    for variable, value in _ASSIGNED.findall(makefile.replace("\\\n", " ")):
        lists[variable] += value.split()
    return lists
