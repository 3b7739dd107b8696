"""What differs between two versions of one patch: message and diff against message and diff, as git-range-diff(1)."""

import re
from difflib import unified_diff
from itertools import islice

from app.domain.series import Patch

MAX_LINES = 6000  # of one patch; difflib is quadratic at its worst
_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_NOISE = ("index ", "similarity index ", "dissimilarity index ")


def patch_difference(old: Patch, new: Patch) -> str:
    """A unified diff of two versions of a patch, or "" where they are the same.

    Line numbers, blob names and the diffstat do not count: they change whenever anything above does. A patch of more
    than 6000 lines is compared by its files only.
    """
    before, after = _text(old), _text(new)
    if before == after:
        return ""
    if max(len(before), len(after)) > MAX_LINES:
        before, after = _summary(old), _summary(new)
    lines = unified_diff(before, after, "old", "new", n=3, lineterm="")
    return "".join(f"{line}\n" for line in islice(lines, 2, None))


def _text(patch: Patch) -> list[str]:
    message = patch.message.prose.split("\n---\n")[0].strip("\n").split("\n")
    diff = [_HUNK.sub("@@", line) for line in patch.diff.rstrip("\n").split("\n") if not line.startswith(_NOISE)]
    return [patch.title, "", *(line.rstrip() for line in message), "", *diff]


def _summary(patch: Patch) -> list[str]:
    return [
        patch.title,
        *(f"{each.path} {sum(len(hunk.lines) for hunk in each.hunks)}" for each in patch.message.files),
    ]
