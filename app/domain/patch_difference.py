"""What differs between two versions of one patch, as git-range-diff(1) has it: a diff of the two diffs.

Both versions are written as `git range-diff` writes them before it compares them: author, message (indented by four),
and each file under ` ## its name ##` with hunks that carry the name of the function and no line numbers. Blob names and
the diffstat do not count either: all of these change whenever anything above does.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from app.domain.diff import FileDiff
from app.domain.message import Message
from app.domain.series import Patch

MAX_LINES = 6000  # of one patch; difflib is quadratic at its worst
CONTEXT = 3
HEADING = 80  # characters, as git has it
_HEADING = re.compile(r" ## (.*) ##$|^.?@@ (.*)$")


def patch_difference(old: Patch, new: Patch, *, briefly: bool = False) -> str:
    """Return what differs, or "" where the two are the same.

    Each line is an outer sign (`-` only in the old, `+` only in the new, a blank in both), then the line of the patch
    itself, with its own sign. Stretches begin with `@@` and the heading that they stand below. A patch of more than
    6000 lines, or any if `briefly`, is compared by its message and the names and lengths of its files only.
    """
    before, after = _lines(old), _lines(new)
    if before == after:
        return ""
    if briefly or max(len(before), len(after)) > MAX_LINES:
        before, after = _summary(old), _summary(new)
    return "".join(f"{line}\n" for line in _difference(before, after)) or "@@ Lines, as many as before\n"


def same_code(old: Patch, new: Patch) -> bool:
    """Tell whether two versions change the same lines in the same surroundings: only author or message may differ."""
    return [_file(each) for each in old.message.files] == [_file(each) for each in new.message.files]


def _difference(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for group in SequenceMatcher(None, before, after).get_grouped_opcodes(CONTEXT):
        yield f"@@ {_heading(before, group[0][1])}".rstrip()
        for what, old_from, old_to, new_from, new_to in group:
            if what == "equal":
                yield from (f" {line}" for line in before[old_from:old_to])
                continue
            yield from (f"-{line}" for line in before[old_from:old_to])
            yield from (f"+{line}" for line in after[new_from:new_to])


def _heading(lines: Sequence[str], at: int) -> str:
    for line in reversed(lines[:at]):
        if found := _HEADING.match(line):
            return (found[1] or found[2])[:HEADING]
    return ""


def _lines(patch: Patch) -> list[str]:
    files = [line for each in patch.message.files for line in _file(each)]
    return [*_head(patch), *files]


def _head(patch: Patch) -> list[str]:
    author = patch.message.patch_author or patch.message.author
    message = [f"    {line}".rstrip().expandtabs(8) for line in (patch.title, "", *_message(patch.message))]
    return [" ## Metadata ##", f"Author: {author.name} <{author.email}>", "", " ## Commit message ##", *message, ""]


def _message(mail: Message) -> list[str]:
    text = mail.prose.split("\n---\n")[0].strip("\n")
    if mail.patch_author is not None:  # named in a header of its own, which is no part of the message
        text = text.partition("\n\n")[2].strip("\n")
    return text.split("\n")


def _file(each: FileDiff) -> list[str]:
    name = each.path
    if each.old_path is None:
        name = f"{each.path} (new)"
    elif each.new_path is None:
        name = f"{each.path} (deleted)"
    elif each.renamed:
        name = f"{each.old_path} => {each.new_path}"
    lines = [f" ## {name} ##"]
    for hunk in each.hunks:
        lines.append(f"@@ {each.path}: {hunk.section}" if hunk.section else "@@")
        lines += [line if line[:1] in ("+", "-", " ") else f" {line}" for line in hunk.lines]
    return lines


def _summary(patch: Patch) -> list[str]:
    sizes = (f"{each.path} {sum(len(hunk.lines) for hunk in each.hunks)}" for each in patch.message.files)
    return [*_head(patch)[:MAX_LINES], " ## Files and their lines ##", *sizes]
