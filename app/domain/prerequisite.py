"""What has to be applied before a revision: what it names, what that names in turn, in the order of applying.

`base-commit` and `prerequisite-patch-id` are git-format-patch(1)'s (BASE TREE INFORMATION), `prerequisite-change-id`
and `prerequisite-message-id` b4's; people write `Based-on:` and `Depends-on:` with a Message-ID or its link.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.sentence import plural
from app.domain.trailer import Prerequisite, PrerequisiteKind

MAX_DEPTH = 4
"""How far prerequisites of prerequisites are followed."""
MAX_PATCHES = 200
"""Of all prerequisites of a revision together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededPatch:
    """One patch to apply first; `patch_id` is git's (40 hex digits, "" where a diff has none)."""

    message_id: str
    patch_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A revision as far as it matters to those that need it; `root_id` is the Message-ID that stands for it.

    `picked` is the index of the one patch that a prerequisite names by its patch-id, None for a whole series.
    """

    root_id: str
    title: str
    label: str
    patches: tuple[NeededPatch, ...]
    missing: tuple[int, ...] = ()
    prerequisites: tuple[Prerequisite, ...] = ()
    picked: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """One thing to apply first. `named` is how it was named, by the revision itself or by one that it needs.

    `root_id`, `title` and `label` are "" where it is not at hand; then `problem` says why nothing can be applied. It
    follows "it needs X, which ...".
    """

    named: Prerequisite
    root_id: str = ""
    title: str = ""
    label: str = ""
    patches: tuple[NeededPatch, ...] = ()
    problem: str = ""

    @property
    def called(self) -> str:
        """What a person would call it: title and revision, else how it was named."""
        if self.title:
            return f"“{self.title}” {self.label}"
        long = self.named.kind is PrerequisiteKind.PATCH_ID
        return f"{self.named.kind} {self.named.value[:12] if long else self.named.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedFirst:
    """What became of one prerequisite: of its `patches` so many were applied, and so many in the tree already.

    With a `problem`, which follows "it needs X, which", nothing of it is in what is tested. `named` is `kind value`, as
    stored; `message_ids` are what to fetch to have it: those of single patches where `alone`, else that of the series.
    """

    named: str
    called: str
    root_id: str
    patches: int
    applied: int = 0
    present: int = 0
    problem: str = ""
    message_ids: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether it is patches out of a series, named one by one."""
        return self.named.startswith(f"{PrerequisiteKind.PATCH_ID} ")

    @property
    def words(self) -> str:
        """What became of it, to follow what it is called."""
        if self.problem:
            return self.problem
        if not self.applied and not self.present:
            return f"{plural(self.patches, 'patch', 'patches')}, not applied yet"
        if not self.applied:
            return "in the tree already"
        words = plural(self.applied, "patch", "patches")
        return f"{words}, and {self.present} in the tree already" if self.present else words


def applied_first(planned: Sequence[dict[str, Any]], became: Sequence[Mapping[str, Any]]) -> list[AppliedFirst]:
    """Return what became of a run's prerequisites, or what is planned where it has not come to them yet.

    `planned` is `Run.prerequisites`, `became` what its evidence has under `first`.
    """
    mails = {one["named"]: tuple(one["patches"]) for one in planned}
    known = became or [one | {"patches": len(one["patches"])} for one in planned]
    return [_applied_first(one, mails) for one in known]


def _applied_first(one: Mapping[str, Any], mails: Mapping[str, tuple[str, ...]]) -> AppliedFirst:
    read = AppliedFirst(
        named=str(one.get("named", "")),
        called=str(one.get("called", "")),
        root_id=str(one.get("root_id", "")),
        patches=int(one.get("patches", 0)),
        applied=int(one.get("applied", 0)),
        present=int(one.get("present", 0)),
        problem=str(one.get("problem", "")),
    )
    return replace(read, message_ids=mails.get(read.named, ()) if read.alone else (read.root_id,))


Lookup = Callable[[Prerequisite], Posted | None]


def read_prerequisite(text: str) -> Prerequisite | None:
    """Read a prerequisite as it is stored, `change-id 20260414-frob-1a2b:v3`; None if it is not one."""
    kind, _, value = text.partition(" ")
    known = next((one for one in PrerequisiteKind if one.value == kind), None)
    return Prerequisite(kind=known, value=value) if known and value else None


def change_and_version(value: str) -> tuple[str, int | None]:
    """Take b4's `change-id:v3` apart; no version where none is named."""
    change, colon, version = value.rpartition(":v")
    if colon and change and version.isascii() and version.isdigit() and len(version) <= 3:
        return change, int(version)
    return value, None


def needed_by(revision: Posted, look: Lookup) -> tuple[Needed, ...]:
    """Return what has to be applied before a revision, in order; what is not at hand is in it with the reason.

    `look` returns what a prerequisite names, None where it is not at hand. Series that are named come first, each
    after what it needs itself, then patches named by their patch-id alone that no such series holds. Nothing comes
    twice. A circle is not followed, nor are chains longer than `MAX_DEPTH`.
    """
    stack = _Stack(look)
    stack.add(revision, above=(revision.root_id,))
    return tuple(stack.found)


@dataclass(slots=True)
class _Stack:
    look: Lookup
    found: list[Needed] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    """Patch-ids of what is in `found`."""
    unsaid: set[Prerequisite] = field(default_factory=set)

    def add(self, revision: Posted, *, above: Sequence[str]) -> None:
        named = [one for one in revision.prerequisites if one.kind is not PrerequisiteKind.PATCH_ID]
        for one in named:
            self._series(one, above)
        for one in revision.prerequisites:
            if one.kind is PrerequisiteKind.PATCH_ID and one.value not in self.held:
                self._patch(one, above)

    def _series(self, named: Prerequisite, above: Sequence[str]) -> None:
        posted = self.look(named)
        if posted is None:
            self._lack(named, "is not at hand")
            return
        if posted.root_id in above:
            self._lack(named, "needs it in turn: a circle", posted)
            return
        if posted.root_id in self.seen:
            return
        if len(above) > MAX_DEPTH:
            self._lack(named, f"is the end of a chain longer than {MAX_DEPTH}", posted)
            return
        self.seen.add(posted.root_id)
        self.add(posted, above=(*above, posted.root_id))
        if posted.missing or not posted.patches:
            self._lack(named, f"is incomplete: {len(posted.missing) or 'all'} of its patches never came", posted)
        else:
            self._apply(named, posted, posted.patches)

    def _patch(self, named: Prerequisite, above: Sequence[str]) -> None:
        posted = self.look(named)
        if posted is None or posted.picked is None:
            self._lack(named, "is not at hand")
        elif posted.root_id in above:
            self._lack(named, "needs it in turn: a circle", posted)
        else:
            self._apply(named, posted, (posted.patches[posted.picked],))

    def _apply(self, named: Prerequisite, posted: Posted, patches: tuple[NeededPatch, ...]) -> None:
        if sum(len(one.patches) for one in self.found) + len(patches) > MAX_PATCHES:
            self._lack(named, f"makes more than {MAX_PATCHES} patches to apply first", posted)
            return
        self.held.update(one.patch_id for one in patches if one.patch_id)
        last = self.found[-1] if self.found else None
        if last is not None and last.root_id == posted.root_id and last.patches:
            # Patches of one series named one by one.
            self.found.pop()
            named, patches = last.named, (*last.patches, *patches)
        self.found.append(
            Needed(named=named, root_id=posted.root_id, title=posted.title, label=posted.label, patches=patches)
        )

    def _lack(self, named: Prerequisite, problem: str, posted: Posted | None = None) -> None:
        if named in self.unsaid:
            return
        self.unsaid.add(named)
        lack = Needed(named=named, problem=problem)
        if posted is not None:
            lack = replace(lack, root_id=posted.root_id, title=posted.title, label=posted.label)
        self.found.append(lack)
