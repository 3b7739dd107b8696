"""Each patch of a series on its own: what it makes necessary to build, what is found, and how the verdict says it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.domain.outcome import Verdict
from app.domain.verdict import untested

SELFTESTS = "tools/testing/selftests/bpf/"
_NOT_BUILT = ("Documentation/", "LICENSES/", "samples/", "CREDITS", "MAINTAINERS", ".mailmap", ".gitignore", "README")
_TEXTS = (".rst", ".txt", ".md", ".yaml", ".gitignore")
_TOOLS_OF_THE_KERNEL = (
    "tools/objtool/", "tools/bpf/resolve_btfids/", "tools/lib/", "tools/build/", "tools/include/", "tools/scripts/",
    "tools/arch/x86/",
)  # fmt: skip
"""What of tools/ is compiled to build a kernel with."""
_TOOLS_OF_THE_TESTS = (SELFTESTS, "tools/lib/", "tools/bpf/", "tools/include/", "tools/build/", "tools/scripts/",
    "tools/testing/selftests/lib.mk", "tools/testing/selftests/kselftest", "include/uapi/linux/",
)  # fmt: skip
MOST_NAMED = 3


class Part(StrEnum):
    """What is built of a tree."""

    KERNEL = "kernel"
    SELFTESTS = "selftests"


def parts_of(files: Iterable[str]) -> tuple[Part, ...]:
    """Return what a patch that touches `files` (paths in the tree) can change of what is built; nothing for texts."""
    touched = [path for path in files if not path.startswith(_NOT_BUILT) and not path.endswith(_TEXTS)]
    kernel = any(not path.startswith("tools/") or path.startswith(_TOOLS_OF_THE_KERNEL) for path in touched)
    tests = any(path.startswith(_TOOLS_OF_THE_TESTS) for path in touched)
    return (*((Part.KERNEL,) if kernel else ()), *((Part.SELFTESTS,) if tests else ()))


class FindingKind(StrEnum):
    """What trying patches one by one can show. `first bad` is about the whole series' failure, the rest about one."""

    BUILD = "does not build"
    BOOT = "does not boot"
    TESTS = "breaks tests"
    FIRST_BAD = "first bad patch"
    GONE = "removes tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that one patch does.

    `position` is the patch's, from 1, `title` its own. `earliest` is less than it where it may be an earlier patch as
    well: those between could not tell. `until` is the patch that mends it, None where none does. `tests` are those that
    fail; `what` says what else does ("the machine panics"), `place` where a compiler stopped (`file:line: message`).
    """

    kind: FindingKind
    position: int
    title: str
    earliest: int
    until: int | None = None
    tests: tuple[str, ...] = ()
    what: str = ""
    place: str = ""
    excerpt: str = ""

    @property
    def sentence(self) -> str:
        """Return it in words, without a full stop."""
        named = f"patch {self.position} ({self.title})" if self.title else f"patch {self.position}"
        if self.earliest < self.position:
            named = f"one of the patches {self.earliest} to {self.position}"
        if self.kind is FindingKind.FIRST_BAD:
            failing = self.what or f"{_some(self.tests)} {'fails' if len(self.tests) == 1 else 'fail'}"
            return f"The first bad patch is {named.removeprefix('patch ')}: {failing} from it on"
        if self.kind is FindingKind.GONE:
            return f"{_begun(named)} removes {_some(self.tests)}"
        mended = f"; patch {self.until} mends it" if self.until else ""
        if self.kind is FindingKind.TESTS:
            return f"{_begun(named)} breaks {_some(self.tests)}{mended.replace('mends', 'repairs')}"
        where = f": {self.place or self.what}" if self.place or self.what else ""
        if self.kind is FindingKind.BUILD and self.until is None:
            return f"{_begun(named)} is the first that does not build{where}"
        return f"{_begun(named)} {self.kind} on its own{mended}{where}"

    def said_in(self, sentence: str) -> bool:
        """Whether a verdict that the whole does not build names the very patch."""
        return self.kind is FindingKind.BUILD and self.until is None and f"patch {self.position} (" in sentence


def finding_of(stored: Mapping[str, Any]) -> Finding:
    """Return a finding as `dataclasses.asdict` has left it in JSON."""
    return Finding(**{**stored, "kind": FindingKind(stored["kind"]), "tests": tuple(stored["tests"])})


def _begun(words: str) -> str:
    return words[:1].upper() + words[1:]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of a revision with its patches known: the verdict and its sentence."""

    verdict: Verdict
    sentence: str


def with_patches(
    label: str,
    whole: Said,
    findings: Sequence[Finding],
    *,
    warnings: int,
    first_warned: int,
    lacking: Sequence[str] = (),
) -> Said:
    """Return the verdict on a revision once its patches were tried, from that on the whole.

    A series that is clean as a whole with a patch that does not build on its own does not build: whoever bisects the
    kernel stops there (docs/decisions/0014). Whatever else single patches do is said and does not change the verdict.

    Args:
        label: the revision's ("v3").
        whole: what the judge said.
        findings: what was found, the gravest first.
        warnings: how many new warnings the whole series has; `first_warned` is the first patch that brings one, or 0.
        lacking: what it needs and was tested without (app.domain.verdict.Case): then it is blamed for nothing.
    """
    builds = [one for one in findings if one.kind is FindingKind.BUILD]
    verdict, parts = whole.verdict, [whole.sentence]
    if builds and whole.verdict is Verdict.CLEAN:
        verdict = Verdict.INCONCLUSIVE if lacking else Verdict.DOES_NOT_BUILD
        found = "does not build patch by patch, though as a whole it does."
        parts = [untested(label, lacking, found) if lacking else f"{label} {found}"]
    told = [one for one in sorted(findings, key=_weight) if not one.said_in(whole.sentence)]
    parts += [f"{one.sentence}." for one in told[:MOST_NAMED]]
    if warnings:
        parts.append(f"Patch {first_warned} brings {_counted(warnings)}.")
    return Said(verdict=verdict, sentence=" ".join(parts))


def _counted(warnings: int) -> str:
    return "a new warning of the build" if warnings == 1 else f"the first of {warnings:,} new warnings of the build"


def _weight(finding: Finding) -> tuple[int, int]:
    order = (FindingKind.FIRST_BAD, FindingKind.BUILD, FindingKind.BOOT, FindingKind.TESTS, FindingKind.GONE)
    return order.index(finding.kind), finding.position
