"""What a run leaves to download besides its logs: the kernel that was booted, and what ran in it."""

from enum import StrEnum


class ArtifactKind(StrEnum):
    """The files, by the name that they are downloaded under; the archives are cpio, for an initramfs.

    `vmlinux` has the debug information; `root.cpio` is the guest's root, `selftests.cpio` the tests that ran in it.
    """

    BZIMAGE = "bzImage"
    SELFTESTS = "selftests.cpio"
    VMLINUX = "vmlinux"
    ROOT = "root.cpio"


class ArtifactState(StrEnum):
    """Where a file is: still with the worker that built it, in the store, or nowhere any more."""

    WAITING = "waiting"
    KEPT = "kept"
    GONE = "gone"


PACKED = ".zst"
"""What the names of packed files end in (Zstandard, RFC 8878)."""


def blob_name(sha256: str) -> str:
    """Return the path in the store of the content with this hash (64 hex digits), packed."""
    return f"{sha256[:2]}/{sha256}{PACKED}"
