"""Threads as the archive gave them, kept by URL for a while."""

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from app.errors import InfrastructureError

DROP_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """An answer that was whole: its gzip'ed mbox, its ETag if it had one, and whether it may be used unasked."""

    packed: bytes
    etag: str | None
    fresh: bool


class ThreadCache:
    """A folder with one file an answer: a line of JSON (URL and ETag), then the packed mbox; its age is its mtime."""

    def __init__(self, folder: Path, *, keep_for: timedelta) -> None:
        self._folder = folder
        self._keep_for_s = keep_for.total_seconds()

    def read(self, url: str) -> Cached | None:
        """Return the answer kept for a URL, or None; a file that cannot be read counts as none."""
        path = self._path(url)
        try:
            age_s = time.time() - path.stat().st_mtime
            head, _, packed = path.read_bytes().partition(b"\n")
            about = json.loads(head)
            if about["url"] != url:
                return None
            return Cached(packed=packed, etag=about["etag"], fresh=0 <= age_s < self._keep_for_s)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, url: str, answer: Cached) -> None:
        """Keep an answer, in one step for everyone who reads at the same time."""
        head = json.dumps({"url": url, "etag": answer.etag}).encode()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._drop_old()
            with NamedTemporaryFile(dir=self._folder, prefix="new-", delete=False) as file:
                file.write(head + b"\n" + answer.packed)
            Path(file.name).replace(self._path(url))
        except OSError as error:
            raise InfrastructureError(f"cannot keep the answer of {url} in {self._folder}: {error}") from error

    def touch(self, url: str) -> None:
        """Count the kept answer as new: the archive said that it still holds."""
        with suppress(OSError):
            os.utime(self._path(url))

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()}.thread"

    def _drop_old(self) -> None:
        too_old = time.time() - DROP_AFTER.total_seconds()
        for pattern in ("*.thread", "new-*"):
            for path in self._folder.glob(pattern):
                with suppress(OSError):
                    if path.stat().st_mtime < too_old:
                        path.unlink()
