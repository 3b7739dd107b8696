"""Each patch of a series built upon those before it, and the warnings that it brings."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from app.domain.build_warnings import (
    BuildWarning,
    build_warnings,
    compiled,
    new_warnings,
    objects_of,
    parts_of_log,
)
from app.domain.buildlog import CompilerError, Severity, owner
from app.domain.diff import FileDiff
from app.domain.outcome import Outcome
from app.domain.patches import Finding, FindingKind, Part, parts_of
from app.errors import BuildFailedError, InfrastructureError
from app.services.execution import JobPatch
from workers.ports import Steps
from workers.recorder import StepRecord
from workers.steps.build import TAIL_BYTES, errors_in

MOST_WARNINGS = 100
MOST_LOG = 4_000_000
"""Bytes kept of the log of one patch; there may be many patches."""
IN_TREE = "the tree has it already"
NOT_BUILT = "touches nothing that is built"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The patches of a series as commits: `commits[0]` is what they lie on, `commits[N]` has patches 1 to N."""

    patches: tuple[JobPatch, ...]
    diffs: tuple[tuple[FileDiff, ...], ...]
    commits: tuple[str, ...]

    @property
    def length(self) -> int:
        """How many patches there are."""
        return len(self.patches)

    def files(self, position: int) -> tuple[str, ...]:
        """Return the paths that a patch touches, old and new names."""
        found = {path for one in self.diffs[position - 1] for path in (one.old_path, one.new_path) if path is not None}
        return tuple(sorted(found))

    @property
    def touched(self) -> frozenset[str]:
        """The paths that the series touches."""
        return frozenset(path for position in range(1, self.length + 1) for path in self.files(position))

    def on_base(self, warning: BuildWarning) -> BuildWarning:
        """Return a warning as the base would give it: of a file that the series renames under its name there."""
        file, unit = (None if path is None else self._name_on_base(path) for path in (warning.file, warning.unit))
        return replace(warning, file=file, unit=unit)

    def _name_on_base(self, path: str) -> str:
        """Return a file's name before the series, spelled from where `path` is: tools name files from their own folder.

        An object is renamed with its source.
        """
        stem, dot, end = path.rpartition(".")
        source = f"{stem}.c" if dot and end == "o" else path
        whole = self.in_tree(source)
        folder = whole.removesuffix(source)
        was = self._renamed.get(whole, whole)
        if not was.startswith(folder):
            return path
        return (was if source == path else f"{was.rpartition('.')[0]}.o").removeprefix(folder)

    @property
    def _renamed(self) -> dict[str, str]:
        """The files with another name than on the base, and that name."""
        names: dict[str, str] = {}
        for one in (file for diff in self.diffs for file in diff):
            if one.renamed and one.old_path is not None and one.new_path is not None:
                names[one.new_path] = names.pop(one.old_path, one.old_path)
        return names

    def in_tree(self, file: str) -> str:
        """Return a path as the tree has it: tools below tools/ name files from their own folder."""
        touched = self.touched
        ends = [path for path in touched if path.endswith(f"/{file}")]
        return ends[0] if file not in touched and len(ends) == 1 else file


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What is known of the series as a whole: whether it builds, its errors, the log of that build with patches."""

    builds: bool
    errors: tuple[dict[str, Any], ...]
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What building one patch showed. `said` are its warnings by the part, `compiled` the kernel's objects."""

    position: int
    outcome: Outcome
    parts: tuple[Part, ...] = ()
    reason: str = ""
    errors: tuple[dict[str, Any], ...] = ()
    said: dict[Part, tuple[BuildWarning, ...]] = field(default_factory=dict)
    compiled: frozenset[str] = frozenset()
    duration_s: float | None = None


async def build_each(record: StepRecord, steps: Steps, line: Line, whole: Whole) -> list[Built]:
    """Build the patches in order; the last one is the whole, which was built before.

    After a patch that does not build, what failed is built again with each patch until it does.

    Raises:
        InfrastructureError: trouble of ours; also where the end of the series does not build here, for it has built.
    """
    found: list[Built] = []
    broken: tuple[Part, ...] = ()
    for position in range(1, line.length + 1):
        parts = tuple(part for part in Part if part in parts_of(line.files(position)) or part in broken)
        if line.commits[position] == line.commits[position - 1]:
            built = Built(position=position, outcome=Outcome.SKIP, reason=IN_TREE)
        elif not parts:
            built = Built(position=position, outcome=Outcome.SKIP, reason=NOT_BUILT)
        elif position == line.length and not whole.builds:
            built = Built(position=position, outcome=Outcome.FAIL, parts=parts, errors=whole.errors)
        elif position == line.length and whole.log:
            said, objects = await asyncio.to_thread(_read, whole.log)
            built = Built(position=position, outcome=Outcome.PASS, parts=parts, said=said, compiled=objects)
        else:
            built = await _build(record, steps, line, position, parts)
        if built.outcome is not Outcome.SKIP:
            broken = parts if built.outcome is Outcome.FAIL else ()
        found.append(built)
    if broken and whole.builds:
        last = next(one for one in reversed(found) if one.outcome is Outcome.FAIL)
        raise InfrastructureError(f"the series built as a whole, and patch {last.position} at its end does not here")
    return found


async def _build(record: StepRecord, steps: Steps, line: Line, position: int, parts: tuple[Part, ...]) -> Built:
    started, tail, kept = time.monotonic(), bytearray(), 0
    sink = record.log(f"patch-{position:02}")

    def log(data: bytes) -> None:
        nonlocal kept
        sink(data[: max(0, MOST_LOG - kept)])
        kept += len(data)
        tail.extend(data)
        del tail[:-TAIL_BYTES]

    outcome, errors = Outcome.PASS, []
    try:
        await steps.build(line.commits[position], parts, log=log)
    except BuildFailedError as error:
        outcome = Outcome.FAIL
        errors = await asyncio.to_thread(errors_in, bytes(tail), line.patches[:position])
        errors = errors or [{"file": None, "line": None, "message": str(error), "excerpt": "", "patch": None}]
    said, objects = await asyncio.to_thread(_read, tail.decode("utf-8", "replace"))
    return Built(
        position=position,
        outcome=outcome,
        parts=parts,
        reason=place_of(errors),
        errors=tuple(errors),
        said=said,
        compiled=objects,
        duration_s=round(time.monotonic() - started, 1),
    )


def place_of(errors: Sequence[dict[str, Any]]) -> str:
    """Return `file:line: message` of the first error, "" where there is none."""
    if not errors:
        return ""
    first = errors[0]
    place = ":".join(str(part) for part in (first["file"], first["line"]) if part is not None)
    return f"{place}: {first['message']}" if place else str(first["message"])


def build_findings(line: Line, built: Sequence[Built]) -> list[Finding]:
    """Return which patches do not build on their own, and which later patch mends each."""
    found: list[Finding] = []
    failing: Built | None = None
    for one in (one for one in built if one.outcome is not Outcome.SKIP):
        if one.outcome is Outcome.FAIL:
            failing = failing or one
        elif failing is not None:
            found.append(_build_finding(line, failing, until=one.position))
            failing = None
    return found if failing is None else [*found, _build_finding(line, failing, until=None)]


def _build_finding(line: Line, failing: Built, *, until: int | None) -> Finding:
    return Finding(
        kind=FindingKind.BUILD,
        position=failing.position,
        title=line.patches[failing.position - 1].title,
        earliest=failing.position,
        until=until,
        place=place_of(failing.errors),
        excerpt=str(failing.errors[0]["excerpt"]) if failing.errors else "",
    )


async def warnings_of(
    record: StepRecord, steps: Steps, line: Line, built: Sequence[Built], *, warn: int
) -> dict[int, list[dict[str, Any]]]:
    """Return the new warnings by the patch that brings them: what no file of the base says when it is compiled now.

    Each is `file`, `line` (as of that patch), `text`, `tool`, `excerpt`, and whether it `remains` in the whole series.
    With `warn` the sources that the series touches are compiled once more with that W=, with and without the series.

    Raises:
        InfrastructureError: trouble of ours.
    """
    first: dict[tuple[str, str], tuple[int, Part, BuildWarning]] = {}
    for one in built:
        for part, found in one.said.items():
            for warning in found:
                first.setdefault(warning.key, (one.position, part, warning))
    brought: dict[int, list[dict[str, Any]]] = {}
    if first:
        said = [(part, line.on_base(warning)) for _, part, warning in first.values()]
        known = await _known(record, steps, line, said)
        for position, _, warning in first.values():
            if new_warnings([line.on_base(warning)], known):
                told = _told(line, warning, remains=_remains(warning, position, built))
                brought.setdefault(position, []).append(told)
    if warn and built[-1].outcome is not Outcome.FAIL:
        for position, warning in await _of_sources(record, steps, line, warn, set(first)):
            brought.setdefault(position, []).append(_told(line, warning, remains=True))
    return {position: told[:MOST_WARNINGS] for position, told in brought.items()}


async def _known(
    record: StepRecord, steps: Steps, line: Line, said: Sequence[tuple[Part, BuildWarning]]
) -> set[tuple[str, str]]:
    """Return what the base says where it is compiled now: the objects in question, and no others."""
    log = bytearray()
    kernel = [warning for part, warning in said if part is Part.KERNEL]
    tools = any(part is Part.SELFTESTS for part, _ in said)
    record.log("warnings-of-base")(b"reroll: what gave warnings, without the patches\n")
    objects = objects_of(kernel)
    linked = any(warning.linked for warning in kernel)
    if objects or linked or tools:
        await steps.again(line.commits[0], objects, linked=linked, tools=tools, log=log.extend)
    record.log("warnings-of-base")(bytes(log))
    found, _ = await asyncio.to_thread(_read, log.decode("utf-8", "replace"))
    return {warning.key for warnings in found.values() for warning in warnings}


async def _of_sources(
    record: StepRecord, steps: Steps, line: Line, warn: int, known: set[tuple[str, str]]
) -> list[tuple[int, BuildWarning]]:
    """Return what the compiler says with W= to the sources that the series touches, and not to them on the base."""
    sources = sorted(path for path in line.touched if path.endswith(".c") and Part.KERNEL in parts_of([path]))
    sources = [path for path in sources if not path.startswith("tools/")]
    if not sources:
        return []
    said: list[tuple[BuildWarning, ...]] = []
    for commit in (line.commits[0], line.commits[-1]):
        log = bytearray()
        objects = [f"{path[:-2]}.o" for path in sources]
        await steps.again(commit, objects, linked=False, tools=False, log=log.extend, warn=warn)
        record.log(f"warnings-w{warn}")(bytes(log))
        found, _ = await asyncio.to_thread(_read, log.decode("utf-8", "replace"))
        said.append(tuple(warning for warnings in found.values() for warning in warnings))
    base, patched = said
    on_base = {warning.key for warning in base}
    fresh = (one for one in new_warnings(patched, known) if new_warnings([line.on_base(one)], on_base))
    return [(_owner(line, warning), warning) for warning in fresh]


def _owner(line: Line, warning: BuildWarning) -> int:
    """Return the patch that answers for a warning of the whole series; the last one where none is at hand."""
    said = CompilerError(
        file=warning.file,
        line=warning.line,
        column=None,
        severity=Severity.WARNING,
        message=warning.text,
        excerpt=warning.excerpt,
    )
    found = owner(said, line.diffs)
    return found.position if found else line.length


def _remains(warning: BuildWarning, position: int, built: Sequence[Built]) -> bool:
    """Whether no later patch has what it came from compiled again without it."""
    objects = objects_of([warning])
    for later in built[position:]:
        again = bool(objects and objects[0] in later.compiled)
        if again and warning.key not in {one.key for said in later.said.values() for one in said}:
            return False
    return True


def _told(line: Line, warning: BuildWarning, *, remains: bool) -> dict[str, Any]:
    told = asdict(warning)
    told["file"] = None if warning.file is None else line.in_tree(warning.file)
    return {name: told[name] for name in ("file", "line", "text", "tool", "excerpt")} | {"remains": remains}


def _read(log: str) -> tuple[dict[Part, tuple[BuildWarning, ...]], frozenset[str]]:
    """Return the warnings of a log by part, and which of the kernel's objects were compiled."""
    sections = parts_of_log(log)
    said = {part: build_warnings(text) for part, text in sections.items()}
    return {part: found for part, found in said.items() if found}, compiled(sections.get(Part.KERNEL, ""))
