"""The artifact store in a folder: contents packed, each once, by the hash of the plain bytes (app/domain/artifact.py).

The folder may be one that several machines share. What is being packed has a name that begins with a dot and becomes
a content by rename(2): a content is whole or not there.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from app.domain.artifact import ArtifactKind, blob_name
from app.errors import InfrastructureError
from app.services.artifacts import Content
from workers.adapters import locks, process
from workers.adapters.images import META
from workers.adapters.kbuild import GUEST
from workers.ports import Image, Packed

PACKING = timedelta(hours=1)
MEMORY_MB = 256
STALE_S = 86_400.0
_BLOB = re.compile(r"([0-9a-f]{64})\.zst")


class FolderStore:
    """The store in `folder`; `cache_dir` is where this worker's images and the guests' roots lie."""

    def __init__(self, folder: Path, *, cache_dir: Path, room_bytes: int) -> None:
        self.folder = folder
        self._guest = cache_dir / "guest"
        self._room_bytes = room_bytes
        self._one_at_a_time = cache_dir / "packing.lock"

    async def free_bytes(self) -> int:
        """Return the free bytes of the disk.

        Raises:
            InfrastructureError: the folder cannot be made or looked at.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return shutil.disk_usage(self.folder).free
        except OSError as error:
            raise InfrastructureError(f"the store {self.folder} cannot be used: {error.strerror}") from error

    async def pack(self, image: Image, kind: ArtifactKind) -> Packed | None:
        """Pack one file of an image beside the store's contents; None while another worker of this host packs.

        Raises:
            InfrastructureError: the file is not there any more, the store is full, or it took too long.
        """
        await self.free_bytes()  # makes the folder
        source = image.folder / kind
        if kind is ArtifactKind.ROOT:
            source = self._guest / f"root-{image.toolchain.get(GUEST)}.cpio"
        target = self.folder / f".{image.key}-{kind}-{os.getpid()}"
        limits = process.Limits(wall=PACKING, memory_mb=MEMORY_MB, disk=self.folder, free_bytes=self._room_bytes)
        with locks.try_lock(self._one_at_a_time) as ours:
            if not ours:
                return None
            try:
                # A machine that boots the image holds the same: it is not cleared meanwhile.
                async with locks.lock(image.folder / META, shared=True):
                    return Packed(content=await _packed(source, target, limits), place=target)
            except BaseException:
                target.unlink(missing_ok=True)
                raise

    async def place(self, packed: Packed) -> None:
        """Make a content of what was packed, unless the store has it.

        Raises:
            InfrastructureError: the store cannot be written to.
        """
        blob = self.folder / blob_name(packed.content.sha256)
        try:
            if blob.exists():
                packed.place.unlink(missing_ok=True)
                return
            blob.parent.mkdir(exist_ok=True)
            packed.place.rename(blob)
        except OSError as error:
            raise InfrastructureError(f"cannot keep {blob}: {error.strerror}") from error

    async def has(self, sha256: str) -> bool:
        """Tell whether the store has a content."""
        return (self.folder / blob_name(sha256)).is_file()

    async def sweep(self, live: Collection[str]) -> None:
        """Delete the contents but `live`, and what packers that were killed have left."""
        for blob in self.folder.glob("??/*.zst"):
            found = _BLOB.fullmatch(blob.name)
            if found and found[1] not in live:
                blob.unlink(missing_ok=True)
        for left in self.folder.glob(".*-*-*"):
            with contextlib.suppress(FileNotFoundError):  # its packer is done with it
                if time.time() - left.stat().st_mtime > STALE_S:
                    left.unlink()


async def _packed(source: Path, target: Path, limits: process.Limits) -> Content:
    words = bytearray()
    argv = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "workers.packing", str(source), str(target)]
    ended = await process.stream(argv, sink=words.extend, limits=limits, env={"PATH": os.defpath, "LC_ALL": "C"})
    if ended.stopped is process.Stop.DISK:
        raise InfrastructureError(f"the store is full: less than {limits.free_bytes / 1e9:.1f} GB of its disk are free")
    if ended.stopped:
        raise InfrastructureError(f"packing {source.name} was ended by its {ended.stopped}")
    if ended.exit_code != 0:
        raise InfrastructureError(f"packing {source.name} failed: {words.decode(errors='replace').strip()[-300:]}")
    return await asyncio.to_thread(lambda: Content(**json.loads(words)))
