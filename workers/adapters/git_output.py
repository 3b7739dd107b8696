"""What git writes, read: its words to a person, the answer of `cat-file --batch`, and patch-ids."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

SAID_BYTES = 4000

# strerror(3) of what a host runs out of; git begins with "fatal" or "error" what is not of the patch.
_WANTING = re.compile(
    r"^(?:fatal|error): .*(?:No space left on device|Cannot allocate memory|out of memory|Disk quota exceeded"
    r"|Input/output error|Read-only file system|Too many open files).*$",
    re.MULTILINE | re.IGNORECASE,
)
_ADVICE = ("hint:", "When you have resolved", "If you prefer to skip", "To restore the original", "Use 'git am")


def spoken(output: bytes) -> str:
    """Return git's words without its advice to a person at a terminal."""
    lines = output[:SAID_BYTES].decode(errors="replace").splitlines()
    return "\n".join(line for line in lines if line and not line.startswith(_ADVICE))


def wanting(said: str) -> str:
    """Return the line of git's words that says what was wanting on this host; "" where it is not that."""
    found = _WANTING.search(said)
    return found[0] if found else ""


def batch(output: bytes) -> Iterator[str]:
    """Read the answer of `git cat-file --batch`; what is missing or no blob reads as ""."""
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        words = output[at:end].split(b" ")
        at = end + 1
        if words[-1] == b"missing":
            yield ""
            continue
        size = int(words[-1])
        yield output[at : at + size].decode(errors="replace") if words[-2] == b"blob" else ""
        at += size + 1


def read_regular(path: Path, most: int) -> str:
    """Return the first `most` bytes of a file as text; "" for a symlink, which a patch may have put there, or none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(most).decode(errors="replace")


def patch_ids(output: bytes) -> dict[str, str]:
    """Read what `git patch-id` writes, a patch-id and its commit a line; return commits by patch-id."""
    pairs = (line.split() for line in output.decode("ascii", "replace").splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
