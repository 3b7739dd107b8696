"""Files as people have them: packed or not, behind a pipe, long -> their bytes, a piece at a time."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import BinaryIO, Protocol

from app.domain.captured import plain
from app.errors import InfrastructureError, SubmissionError

MAX_FILE = 512_000_000
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP = 31
"""zlib's word for gzip's header and checksum (zlib.h, inflateInit2)."""
PIECE = 1 << 16
_PACKED_PIECE = 1 << 11
"""Packed bytes that are unpacked at once: zstd makes up to 32,000 of one."""


class _Frame(Protocol):
    """What unpacks one member of a gzip, or one frame of a zstd."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def unpacked(file: Path) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked where gzip or zstd packed them.

    Raises:
        SubmissionError: it cannot be read, is cut off, or holds more than MAX_FILE bytes.
    """
    size = 0
    try:
        with file.open("rb") as source:
            head = source.read(len(ZSTD_MAGIC))  # what is a pipe can be read but once
            for piece in _contents(file, head, chain([head], iter(partial(source.read, PIECE), b""))):
                size += len(piece)
                if size > MAX_FILE:
                    raise SubmissionError(f"{file} holds more than {MAX_FILE} bytes; give a part of it")
                yield piece
    except OSError as error:
        raise SubmissionError(f"{file} cannot be read: {error.strerror}") from error


@contextmanager
def plain_file(pieces: Iterable[bytes]) -> Iterator[BinaryIO]:
    """Hold what was captured in a file of its own, without escape sequences and stamps, while it is looked at.

    Raises:
        InfrastructureError: there is no room for it.
    """
    with scratch() as file:
        for piece in plain(pieces):
            keep(file, piece)
        yield file


def scratch() -> FileIO:
    """Return a file without a name, for `keep`; not buffered, so that it is full when that is told, not when it ends.

    Raises:
        InfrastructureError: there is no room for any.
    """
    try:
        return TemporaryFile(prefix="reroll-", buffering=0)
    except OSError as error:
        raise InfrastructureError(f"no temporary file can be made: {error.strerror}") from error


def keep(file: FileIO, data: bytes) -> None:
    """Write to a file of `scratch`.

    Raises:
        InfrastructureError: there is no room for it.
    """
    try:
        while data:
            data = data[file.write(data) :]
    except OSError as error:
        raise InfrastructureError(
            f"no room in {gettempdir()}: {error.strerror}; TMPDIR names another folder"
        ) from error


def _contents(file: Path, head: bytes, pieces: Iterable[bytes]) -> Iterable[bytes]:
    if head.startswith(GZIP_MAGIC):
        return _frames(f"{file} is cut off or no gzip", partial(zlib.decompressobj, _GZIP), zlib.error, pieces)
    if head == ZSTD_MAGIC:
        import zstandard  # noqa: PLC0415 - a start-up of half a second is a promise

        begin = partial(zstandard.ZstdDecompressor().decompressobj, PIECE)
        return _frames(f"{file} is cut off or no zstd", begin, zstandard.ZstdError, pieces)
    return pieces


def _frames(
    trouble: str, begin: Callable[[], _Frame], raised: type[Exception], pieces: Iterable[bytes]
) -> Iterator[bytes]:
    """Yield what was packed, in several frames perhaps, NULs between them (gzip(1))."""
    frame = begin()
    try:
        for piece in pieces:
            for at in range(0, len(piece), _PACKED_PIECE):
                data = piece[at : at + _PACKED_PIECE]
                while data := data.lstrip(b"\0") if frame.eof else data:
                    frame = begin() if frame.eof else frame
                    yield frame.decompress(data)
                    data = frame.unused_data
    except raised as error:
        raise SubmissionError(f"{trouble}: {error}") from error
    if not frame.eof:
        raise SubmissionError(f"{trouble}: its last frame is not whole")
