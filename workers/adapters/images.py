"""Images kept by key on this host: a folder each, complete or not there at all, the least recently used cleared first.

Two workers may publish the same key at once: rename(2) lets one win, and both images came from the same input.
"""

import asyncio
import json
import os
import shutil
import stat
import time
from dataclasses import asdict
from pathlib import Path

from app.errors import InfrastructureError
from workers.adapters import locks, sandbox
from workers.ports import Image

META = "image.json"
PARTS = ("bzImage", "vmlinux", "config", "selftests.cpio")
MOST_BYTES = 16 * 1024**3
STALE_S = 3600.0
"""What is no whole image after this was left by a worker that was killed."""


class Images:
    """The images below one folder."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, key: str) -> Image | None:
        """Return the image kept under `key`, and count that as a use; None where there is none, or a part only.

        When the power went, a file may be there and shorter than it was written: a kernel that would not boot.
        """
        folder = self._place(key)
        try:
            meta = json.loads((folder / META).read_bytes())
            if any((folder / part).stat().st_size != size for part, size in meta.get("sizes", {}).items()):
                return None
            os.utime(folder / META)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return Image(
            key=key,
            folder=folder,
            tests=tuple(meta["tests"]),
            selection=tuple((test, reason) for test, reason in meta["selection"]),
            not_built=tuple((test, reason) for test, reason in meta["not_built"]),
            unfit=tuple((test, reason) for test, reason in meta.get("unfit", ())),
            absent=tuple(meta.get("absent", ())),
            first=tuple(meta.get("first", ())),
            toolchain=meta["toolchain"],
        )

    async def publish(self, image: Image) -> Image:
        """Keep what a build left in `image.folder` under `image.key`, move it there; return it at its place.

        Raises:
            InfrastructureError: a part is not a regular file, or the disk refuses.
        """
        return await asyncio.to_thread(self._publish, image)

    def _publish(self, image: Image) -> Image:
        place = self._place(image.key)
        new = self.folder / f".new-{os.getpid()}-{place.name}"
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            for part in PARTS:
                _take(image.folder / part, new / part)
            meta = asdict(image)
            meta |= {"folder": str(place), "sizes": {part: (new / part).stat().st_size for part in PARTS}}
            (new / META).write_text(json.dumps(meta, indent=1))
            self._place_at(new, place)
            with locks.try_lock(self.folder.with_name(f"{self.folder.name}.lock")) as held:
                if held:  # else another worker is at it
                    self._clear(but=place)
        except OSError as error:
            raise InfrastructureError(f"cannot keep image {image.key[:12]} in {place}: {error}") from error
        found = self.find(image.key)
        if found is None:
            raise InfrastructureError(f"image {image.key[:12]} was cleared from {place} as soon as it was kept")
        return found

    def _place_at(self, new: Path, place: Path) -> None:
        try:
            new.rename(place)
        except OSError:
            if self.find(place.name) is not None:
                shutil.rmtree(new)  # another worker was first, with the same
                return
            shutil.rmtree(place)  # a part, left by a worker that was killed
            new.rename(place)

    def _place(self, key: str) -> Path:
        if not key.isalnum() or not key.isascii():
            raise InfrastructureError(f"an image's key is letters and digits, not {key!r}")
        return self.folder / key

    def _clear(self, *, but: Path) -> None:
        """Delete the longest unused until the rest fits; a machine that runs one holds a shared lock on its META."""
        places = [place for place in self.folder.iterdir() if place != but]
        kept = [place for place in places if (place / META).exists() and not place.name.startswith(".")]
        for place in set(places) - set(kept):
            if time.time() - place.stat().st_mtime > STALE_S:
                shutil.rmtree(place, ignore_errors=True)
        sizes = {place: sum(part.lstat().st_size for part in place.iterdir()) for place in kept}
        total = sum(sizes.values()) + sum(part.lstat().st_size for part in but.iterdir())
        for place in sorted(kept, key=lambda place: (place / META).stat().st_mtime):
            if total <= self.most_bytes:
                return
            with locks.try_lock(place / META) as held:
                if held:
                    total -= sizes[place]
                    (place / META).unlink()
                    shutil.rmtree(place)


def _take(source: Path, target: Path) -> None:
    """Move a file that a hostile build made: it must be one, not a link to one of ours."""
    found = source.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise InfrastructureError(f"the build left {source.name} as something else than a file")
    source.rename(target)
    target.chmod(0o644)
    if sandbox.build_user():
        os.chown(target, 0, 0, follow_symlinks=False)
