"""What git takes a patch to be: the number that `git patch-id --stable` gives it."""

import hashlib
import re
from functools import lru_cache

_COUNTS = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))?")
_BLANKS = str.maketrans("", "", " \t\r\n")
_IN_HEADER = -1


class _PatchId:
    """git's builtin/patch-id.c, get_one_patchid(), state by state: its quirks are the point."""

    def __init__(self) -> None:
        self._sum = bytearray(20)
        self._hashed: list[str] = []  # of the file at hand; stripped and hashed at once, which is what costs
        self._before = self._after = _IN_HEADER
        self._binary = False
        self._blobs = ("", "")

    def line(self, line: str) -> bool:
        """Take one line; False when the patch has ended."""
        if line[:2] == "\\ " and len(line) > 11:
            return True
        if self._before == _IN_HEADER and not self._header(line):
            return line.startswith(("index ", "GIT binary patch", "Binary files"))
        if self._binary:
            if line.startswith("diff "):  # and git does not hash this line
                self._binary, self._before = False, _IN_HEADER
            return True
        if self._before == 0 and self._after == 0:
            if line.startswith("@@ -"):
                counts = _COUNTS.match(line)
                self._before, self._after = _hunk(counts) if counts else (0, 0)
                return True
            if not line.startswith("diff "):
                return False
            self._flush()
            self._before = self._after = _IN_HEADER
        first = line[:1]
        self._before -= first in ("-", " ")
        self._after -= first in ("+", " ")
        self._hashed.append(line)
        return True

    def _header(self, line: str) -> bool:
        """Whether the line, inside a file's header, goes on to be hashed."""
        if line.startswith(("GIT binary patch", "Binary files")):
            self._binary, self._before = True, 0
            self._hashed += self._blobs
            self._flush()
            return False
        if line.startswith("index "):
            old, _, new = line[6:].partition(" ")[0].partition("..")
            self._blobs = (old, new)
            return False
        if line.startswith("--- "):
            self._before = self._after = 1
            return True
        return line[:1].isalpha()

    def _flush(self) -> None:
        # A sum of bytes with carry, so that the order of files does not matter.
        carry = 0
        text = "".join(self._hashed).translate(_BLANKS).encode("utf-8", "replace")
        for at, byte in enumerate(hashlib.sha1(text, usedforsecurity=False).digest()):
            carry += self._sum[at] + byte
            self._sum[at] = carry & 0xFF
            carry >>= 8
        self._hashed = []

    def finish(self) -> str:
        """The sum over all files, as 40 hex digits."""
        self._flush()
        return self._sum.hex()


def _hunk(counts: re.Match[str]) -> tuple[int, int]:
    return (int(counts[1]) if counts[1] else 1, int(counts[2]) if counts[2] else 1)


@lru_cache(maxsize=1024)
def patch_id(diff: str) -> str:
    """`git patch-id --stable` of a git diff: 40 hex digits that blanks, line numbers and file order do not change.

    `diff` starts at its first `diff --git` line; a diff without one has no patch-id for git and gets "". The answers
    for the last diffs are kept: linking, storing and comparing all ask.
    """
    start = 0 if diff.startswith("diff ") else diff.find("\ndiff ") + 1
    if not diff.startswith("diff ", start):
        return ""
    state = _PatchId()
    for line in diff[start:].split("\n"):
        if not state.line(line):
            break
    return state.finish()
