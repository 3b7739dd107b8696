"""cpio archives as the kernel unpacks them into its first root file system.

The format is "newc": Documentation/driver-api/early-userspace/buffer-format.rst in the kernel tree. Archives may follow
each other in one file, each padded to 512 bytes here.
"""

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 512
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file; `path` has no leading slash, `data` is a symlink's target, or a regular file's content or its path.

    A file given by its path is read only when its turn comes: a root is tens of megabytes.
    """

    path: str
    mode: int
    data: bytes | Path = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    """Return the entry of a folder that everybody may enter."""
    return Entry(path=path, mode=stat.S_IFDIR | 0o755)


def archive(entries: Iterable[Entry]) -> bytes:
    """Return an archive of `entries`, in that order: a folder has to come before what is in it."""
    return b"".join(pieces(entries))


def pieces(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the same archive file by file."""
    size = 0
    for number, entry in enumerate(entries, start=1):
        member = _member(number, entry)
        size += len(member)
        yield member
    trailer = _member(0, Entry(path=_TRAILER, mode=0))
    yield trailer + b"\0" * (-(size + len(trailer)) % BLOCK)


def _member(number: int, entry: Entry) -> bytes:
    data = entry.data if isinstance(entry.data, bytes) else entry.data.read_bytes()
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # Inode, mode, owner, group, links, mtime, size, the device it is on, the device it is, length of the name, check.
    fields = (number, entry.mode, 0, 0, links, 0, len(data), 0, 0, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + name, 4) + _padded(data, 4)


def _padded(data: bytes, block: int) -> bytes:
    return data + b"\0" * (-len(data) % block)
