"""The BPF selftests of a selection: which files to keep, and how to build what they need.

The tree's own Makefile builds whatever lies in `prog_tests/` and `progs/`; a scratch copy that holds the selection only
makes 75 seconds of what would be minutes. All is done inside the sandbox, where a symlink of a patch leads nowhere.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.fitness import explained
from app.domain.plan import Selection
from app.domain.selftests_index import TreeIndex
from app.domain.suites import FLAVOURS, WHOLE, Suite, spelled
from workers.adapters.workshop import OBJECTS, SCRATCH, SELFTESTS, SOURCE

FOLDER = "tools/testing/selftests/bpf"
LISTS = "/build/lists"

# What the Makefile builds beside the tests: resolve_btfids reads it.
ALWAYS_PROGS = frozenset({"btf_data.c"})

# feature-llvm=0: else whichever llvm-config is about decides whether the binary has a disassembler linked in.
FLAGS = (
    f"OUTPUT={SELFTESTS}",
    f"O={OBJECTS}",
    f"VMLINUX_BTF={OBJECTS}/vmlinux",
    f"KDIR={SOURCE}",
    "CLANG=ccache clang-19",
    "LLC=llc-19",
    "LLVM_STRIP=llvm-strip-19",
    "feature-llvm=0",
    "SKIP_DOCS=1",
    "CC=ccache gcc",
    "HOSTCC=ccache gcc",
)

TOLERANT = "BPF_STRICT_BUILD=0"
"""What does not build is left out of test_progs, where the tree's Makefile knows that."""

# Keeps the mtimes, to the nanosecond: tar's own format cuts them to seconds, and a file that was changed in the second
# in which its object was made would be taken for built. The .d files name skeletons for which there is no rule under
# that name ("No rule to make target 'atomics.lskel.h'"), so a second make in the same output stops at them; without its
# .d file a .test.o would not follow its skeleton. Both go; ccache has those that come out the same.
POPULATE = f"""
(cd {SCRATCH} && xargs -0 rm -f -- <{LISTS}/gone)
find {SELFTESTS} -maxdepth 2 -name '*.test.[od]' -delete
if [ -s {LISTS}/gone ] || [ -s {LISTS}/new ]; then rm -f {SCRATCH}/*/tests.h; fi
tar -C /build/original/{FOLDER} --null --verbatim-files-from -T {LISTS}/keep --format=posix -cf - |
  tar -C {SCRATCH} -xf -
"""

START_OVER = f"""
find {SELFTESTS} {SCRATCH} -mindepth 1 -delete
"""

BUILD = f"""
keep_going=$1 jobs=$2 targets=$3; shift 3
exec make -C {SCRATCH} "$@" $keep_going -j"$jobs" $targets
"""

PACK = f"""
stage=/tmp/stage/selftests
for folder in . no_alu32 cpuv4; do
  cd {SELFTESTS}/$folder 2>/dev/null || continue
  mkdir -p "$stage/$folder"
  find . -maxdepth 1 ! -type d ! -name '*.test.o' ! -name '*.d' ! -name '*skel.h' ! -name 'FEATURE-DUMP*' \\
    \\( ! -name '*.o' -o -name '*.bpf.o' \\) -print0 | xargs -0r cp -L --preserve=mode,timestamps -t "$stage/$folder"
done
cp {SCRATCH}/veristat.cfg "$stage" 2>/dev/null || true
cd "$stage"
for suite in test_* veristat; do
  if [ -f "$suite" ] && [ -x "$suite" ]; then strip --strip-debug "$suite" || true; fi
done
cd /tmp/stage
find selftests -print0 | sort -z |
  cpio --null --create --format=newc --owner=0:0 --reproducible --quiet >/build/image/selftests.cpio
cp {OBJECTS}/arch/x86/boot/bzImage /build/image/bzImage
cp {OBJECTS}/.config /build/image/config
cp {OBJECTS}/vmlinux /build/image/vmlinux
"""

MOST_NAME = 300
"""The file that could not be made is named at the end of its path, within so many bytes."""
_SAID = re.compile(rb"^progs/([\w.-]{1,255})\.c:\d+:\d+: error: (.{1,200})", re.MULTILINE)
# In two steps, and bounded: the tree whose build wrote this is hostile, and its lines may be of any length.
_STOPPED = re.compile(rb"^make(?:\[\d{1,3}\])?: \*\*\* \[([^\]\n]{1,4096})\] Error", re.MULTILINE)
_SUITE = re.compile(rb"/(test_verifier|test_maps|veristat)(?:\.o)?$")
_PART = re.compile(rb"([\w.-]{1,255})\.(test\.o|bpf\.o|skel\.h)$")


_QUOTED = re.compile(r"'(\w+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What `make -k` could not make: test files and BPF programs, by stem, and other suites.

    `said` is the compiler's first error of programs.
    """

    tests: frozenset[str]
    programs: frozenset[str]
    suites: frozenset[str] = frozenset()
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether there is any."""
        return bool(self.tests or self.programs or self.suites)


def failures(output: bytes) -> Failures:
    """Read make's closing lines, such as `make: *** [Makefile:661: /build/selftests/x.test.o] Error 1`."""
    tests: set[str] = set()
    programs: set[str] = set()
    suites: set[str] = set()
    for target in _STOPPED.findall(output):
        if suite := _SUITE.search(target):
            suites.add(suite[1].decode())
        elif part := _PART.search(target[-MOST_NAME:]):
            (tests if part[2] == b"test.o" else programs).add(part[1].decode())
    said = {stem.decode(): text.decode(errors="replace") for stem, text in reversed(_SAID.findall(output))}
    return Failures(tests=frozenset(tests), programs=frozenset(programs), suites=frozenset(suites), said=said)


def left_out(output: Path, kept: Iterable[str], suites: Iterable[Suite]) -> Failures:
    """Return what a tolerant build (TOLERANT) left out of `output`, of suites and files that the scratch copy holds."""
    sources = [Path(path) for path in kept if path.endswith(".c")]
    made = {folder: {path.stem for path in sources if str(path.parent) == folder} for folder in ("prog_tests", "progs")}
    return Failures(
        tests=frozenset(stem for stem in made["prog_tests"] if not (output / f"{stem}.test.o").exists()),
        programs=frozenset(stem for stem in made["progs"] if not (output / f"{stem}.bpf.o").exists()),
        suites=frozenset(one for one in suites if one not in FLAVOURS and not (output / one).exists()),
    )


def kept(paths: Iterable[str], selection: Selection) -> frozenset[str]:
    """Return those of `paths` (relative to the selftests' folder) that the scratch copy holds for `selection`."""
    wanted = {
        "prog_tests": frozenset(selection.prog_tests),
        "progs": frozenset(selection.progs) | ALWAYS_PROGS,
    }

    def keep(path: str) -> bool:
        folder, _, name = path.partition("/")
        return folder not in wanted or not name.endswith(".c") or name in wanted[folder]

    return frozenset(path for path in paths if keep(path))


def without(index: TreeIndex, failed: Failures, tools: Mapping[str, str]) -> dict[str, str]:
    """Return test (spelled) -> reason for every test that needs something of what could not be made.

    `tools` (tool -> version) are what it was made with: one that is too old may be the reason.
    """
    suites = set(failed.suites)
    if {name.removesuffix(".c") for name in index.map_files} & failed.tests or index.map_programs & failed.programs:
        suites.add(Suite.TEST_MAPS)
    broken = {spelled(suite, WHOLE): f"{suite} does not build on the base" for suite in suites}
    for name, file in index.files.items():
        programs = sorted(file.programs & failed.programs)
        if programs:
            broken |= dict.fromkeys(file.tests, _why(programs[0], failed.said.get(programs[0], ""), tools))
        elif name.removesuffix(".c") in failed.tests:
            broken |= dict.fromkeys(file.tests, f"prog_tests/{name} does not build on the base")
    return broken


def had(scratch: Path, said: str) -> bool:
    """Whether the base's selftests (`scratch`) define what a program now lacks: no tool is too old for that.

    A kfunc that they declare only is not defined there: a series may well leave that to vmlinux.h.
    """
    quoted = _QUOTED.search(said)
    if quoted is None:
        return False
    name, given = re.escape(quoted[1]), r"\s*\((?:[^;{}()]|\([^()]*\))*\)\s*"
    # Both ways to define a function for a program: a macro, and a body, inline or not, in a header or a program.
    defines = re.compile(rf"^#\s*define\s+{name}\b|\b{name}{given}\{{", re.MULTILINE)
    declares = re.compile(rf"\b{name}{given}(?:__weak\s+)?__ksym\b")
    paths = (path for pattern in ("*.h", "progs/*.[ch]") for path in scratch.glob(pattern))
    # Some are links into the rest of the tree, which is not there: json_writer.h is one.
    texts = [text for path in paths if path.is_file() and quoted[1] in (text := path.read_text(errors="replace"))]
    return any(map(defines.search, texts)) and not any(map(declares.search, texts))


def unable(index: TreeIndex, failed: Failures, tools: Mapping[str, str]) -> dict[str, str]:
    """Return test -> reason for the tests with a program that one of `tools` is too old for."""
    reasons = {program: why for program, said in failed.said.items() if (why := explained(said, tools))}
    return {
        test: f"progs/{program}.c does not build here: {reasons[program]}"
        for file in index.files.values()
        for program in sorted(file.programs & reasons.keys())
        for test in file.tests
    }


def _why(program: str, said: str, tools: Mapping[str, str]) -> str:
    reason = explained(said, tools) or said
    return f"progs/{program}.c does not build on the base" + (f": {reason}" if reason else "")


def name_of(paths: Iterable[str], suites: Iterable[str]) -> str:
    """Return a short name for files and the suites that are built of them: templates of the same selection share it."""
    text = "\0".join([*sorted(paths), *(suite for suite in suites if suite != Suite.TEST_PROGS)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def write_lists(folder: Path, paths: frozenset[str], before: frozenset[str]) -> None:
    """Write the lists that POPULATE reads: what to keep, what is new, and what has gone since `before`."""
    folder.chmod(0o755)
    for name, chosen in (("keep", paths), ("new", paths - before), ("gone", before - paths)):
        text = "".join(f"{path}\0" for path in sorted(chosen))
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
