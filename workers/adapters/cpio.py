"""cpio archives as the kernel unpacks them into its first root file system.

The format is "newc": Documentation/driver-api/early-userspace/buffer-format.rst in the kernel tree. Archives may follow
each other in one file, each padded to 512 bytes here.
"""

import stat
from collections.abc import Iterable
from dataclasses import dataclass

BLOCK = 512
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file; `path` has no leading slash, `data` is a regular file's content or a symlink's target."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    """Return the entry of a folder that everybody may enter."""
    return Entry(path=path, mode=stat.S_IFDIR | 0o755)


def archive(entries: Iterable[Entry]) -> bytes:
    """Return an archive of `entries`, in that order: a folder has to come before what is in it."""
    parts = [_member(number, entry) for number, entry in enumerate(entries, start=1)]
    parts.append(_member(0, Entry(path=_TRAILER, mode=0)))
    return _padded(b"".join(parts), BLOCK)


def _member(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # Inode, mode, owner, group, links, mtime, size, the device it is on, the device it is, length of the name, check.
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + name, 4) + _padded(entry.data, 4)


def _padded(data: bytes, block: int) -> bytes:
    return data + b"\0" * (-len(data) % block)
