"""What a report says of each patch on its own: one section, short."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.sentence import plural
from app.report import layout

HEADING = "Patch by patch"
MOST_FINDINGS = 3
MOST_WARNINGS = 5
MOST_PEOPLE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOfPatch:
    """What the patch `position` does, in words, and the tool's own text for it or ""."""

    position: int
    sentence: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningOfPatch:
    """A new warning, as `file:line: text`, and the position of the patch that brings it."""

    position: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchFacts:
    """What trying the patches one by one has shown.

    `built`, `failed`, `untouched` (nothing to build) and `tested` (booted, the tests run) count patches. `trouble` says
    why they were not tried, "" where they were. `broken_at` is the first patch that does not build on its own while the
    whole does (0: none), `broken_in` the file that its error names or "". `remarked` are the patches that checkpatch
    remarks on, `remarks` how many remarks those are; `missing` are whom get_maintainer names and no mail went to.
    """

    built: int = 0
    failed: int = 0
    untouched: int = 0
    tested: int = 0
    trouble: str = ""
    broken_at: int = 0
    broken_in: str = ""
    findings: tuple[FoundOfPatch, ...] = ()
    warnings: tuple[WarningOfPatch, ...] = ()
    remarks: int = 0
    remarked: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()


def patches_text(facts: PatchFacts | None, told: str) -> str:
    """Return the section with its heading, "" where there is nothing to say; `told` is what stands above it already."""
    if facts is None:
        return ""
    blocks: list[str] = []
    if facts.trouble:
        blocks.append(layout.fill(f"Trouble of ours: each patch on its own was not tried: {facts.trouble}"))
    for one in facts.findings[:MOST_FINDINGS]:
        if one.sentence not in told:
            blocks.append(layout.fill(f"{one.sentence}."))
        elif one.excerpt:
            blocks.append(f"Patch {one.position}:")
        blocks += [layout.log(one.excerpt)] if one.excerpt else []
    blocks += _warnings(facts)
    rows = "\n".join(_rows(facts))
    blocks += [rows] if rows else []
    return "\n".join([HEADING, "-" * len(HEADING), "\n\n".join(blocks)]) if blocks else ""


def _warnings(facts: PatchFacts) -> list[str]:
    if not facts.warnings:
        return []
    shown = [f"    patch {one.position}: {layout.one_line(one.text)}" for one in facts.warnings[:MOST_WARNINGS]]
    left = len(facts.warnings) - MOST_WARNINGS
    shown += [f"    [{plural(left, 'more warning')}]"] * (left > 0)
    head = layout.fill(f"{plural(len(facts.warnings), 'new warning')} of the build, which the base does not have:")
    return [head, "\n".join(shown)]


def _rows(facts: PatchFacts) -> list[str]:
    rows = []
    if facts.built + facts.failed > 1 and not facts.trouble:
        rows.append(layout.row("builds", _builds(facts)))
    if facts.remarks or facts.missing:
        rows.append(layout.row("advice", _advice(facts)))
    return rows


def _builds(facts: PatchFacts) -> str:
    all_ = facts.built + facts.failed
    said = f"all {all_:,} patches on their own" if not facts.failed else f"{facts.built:,} of {all_:,} patches"
    said += f", {facts.untouched:,} more touch nothing that is built" if facts.untouched else ""
    return said + (f"; {facts.tested:,} of them booted and tested" if facts.tested else "")


def _advice(facts: PatchFacts) -> str:
    said = []
    if facts.remarks:
        said.append(f"checkpatch has {plural(facts.remarks, 'remark')} on {_positions(facts.remarked)}")
    if len(facts.missing) > MOST_PEOPLE:
        said.append(f"get_maintainer names {len(facts.missing):,} addresses that the mails did not go to")
    elif facts.missing:
        said.append(f"get_maintainer names, and the mails did not go to: {layout.names(facts.missing)}")
    return "; ".join(said)


def _positions(positions: Sequence[int]) -> str:
    return f"{'patch' if len(positions) == 1 else 'patches'} {layout.names(map(str, positions))}"
