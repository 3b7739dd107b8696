"""What two revisions were tested under: whether they can be compared at all, and what has to be said with it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a revision was tested under; `toolchain` is tool -> version, `selection` names the tests chosen.

    `first` are the Message-IDs of the patches that were applied before it.
    """

    label: str
    tree: str
    base_commit: str
    profile: str
    toolchain: Mapping[str, str]
    selection: frozenset[str]
    first: frozenset[str] = frozenset()


def incomparable(before: Conditions, now: Conditions) -> str | None:
    """Return why two revisions' tests cannot be held against each other, None if they can."""
    for what, one, other in (("profile", before.profile, now.profile), ("tree", before.tree, now.tree)):
        if one != other:
            return f"{before.label} was tested with the {what} {one}, {now.label} with {other}"
    return None


def caveats(before: Conditions, now: Conditions) -> tuple[str, ...]:
    """Return what has to be said with a comparison of two revisions, in sentences: what else may be the cause."""
    found = []
    if before.base_commit != now.base_commit:
        found.append(
            f"{before.label} was tested on {before.base_commit[:12]}, {now.label} on {now.base_commit[:12]}, each held "
            "against its own base: what differs between them may come from the bases as well."
        )
    if before.first != now.first:
        found.append(f"{now.label} was tested on other prerequisites than {before.label}.")
    tools = sorted(
        tool for tool in before.toolchain.keys() & now.toolchain.keys() if before.toolchain[tool] != now.toolchain[tool]
    )
    if tools:
        found.append(f"They were built with different versions of {', '.join(tools)}.")
    if before.selection != now.selection:
        found.append(f"{now.label} selects other tests than {before.label} did.")
    return tuple(found)
