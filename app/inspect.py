"""`reroll inspect`: what the parsers see, as JSON or as a short table."""

import gzip
import json
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import typer

from app.domain.message import parse_message, split_mbox
from app.errors import SubmissionError

# Imports inside functions: a start-up of half a second is a promise.
# ruff: noqa: PLC0415

MAX_FILE = 512_000_000
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
PIECE = 1 << 16


def show_thread(places: Sequence[str], *, as_json: bool) -> None:
    """Print what the parser makes of the mails in files or behind URLs, taken together.

    Raises:
        SubmissionError: a file cannot be read, or a URL is no thread's.
    """
    from app.domain.inspection import thread_document
    from app.domain.series import parse_threads

    raws = [raw for place in places for raw in split_mbox(_bytes_of(place))]
    document = thread_document(parse_threads(map(parse_message, raws)))
    if as_json:
        _print_json(document)
        return
    for series in document["series"]:
        typer.echo(series["title"])
        for revision in series["revisions"]:
            link = f"  ({revision['link']['reason']})" if revision["link"] else ""
            missing = f", missing {revision['missing']}" if revision["missing"] else ""
            counts = f"{len(revision['patches'])}/{revision['total']} patches{missing}"
            typer.echo(f"  {revision['label']:10} {counts}, {len(revision['comments'])} comments{link}")
    for one in document["other"]:
        typer.echo(f"{one['kind']}: {one['message_id']}: {one['reason']}")


def show_results(file: Path, *, suite: str | None, as_json: bool) -> None:
    """Print the results read from a suite's output, or a guest's whole stream.

    Raises:
        SubmissionError: the file cannot be read.
    """
    from app.domain.results_document import results_document

    document = results_document(_read(file), suite=suite)
    suites = document.get("suites", [document])
    if not any(one["results"] for one in suites):
        typer.echo(f"{file}: no result of a test was found; --suite says whose output it is", err=True)
    if as_json:
        _print_json(document)
        return
    for one in (result for each in suites for result in each["results"]):
        typer.echo(f"{one['outcome']:5} {one['name']}" + (f"  {one['message']}" if one["message"] else ""))


def show_console(file: Path, *, as_json: bool) -> None:
    """Print the complaints read from a console.

    Raises:
        SubmissionError: the file cannot be read.
    """
    from app.domain.results_document import console_document

    document = console_document(_read(file))
    if as_json:
        _print_json(document)
        return
    for one in document["events"]:
        typer.echo(f"{one['line']}: {one['kind']}: {one['title']}")


def _bytes_of(place: str) -> bytes:
    if not place.startswith(("http://", "https://")):
        return _read(Path(place))
    import asyncio

    from app.config import settings
    from app.domain.message_id import parse_reference
    from workers.adapters.lore import LoreClient

    use = settings()
    client = LoreClient(use.lore, use.cache_dir)
    return asyncio.run(client.thread(parse_reference(place)))


def _read(file: Path) -> bytes:
    try:
        data = file.read_bytes() if file.stat().st_size <= MAX_FILE else None
    except OSError as error:
        raise SubmissionError(f"{file} cannot be read: {error.strerror}") from error
    if data is not None and data.startswith(GZIP_MAGIC):
        try:
            with gzip.open(BytesIO(data)) as packed:  # what is a pipe can be read but once
                data = packed.read(MAX_FILE + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise SubmissionError(f"{file} is cut off or no gzip: {error}") from error
    elif data is not None and data.startswith(ZSTD_MAGIC):
        data = _unpacked(file, data)
    if data is None or len(data) > MAX_FILE:
        raise SubmissionError(f"{file} holds more than {MAX_FILE} bytes; give a part of it")
    return data


def _unpacked(file: Path, data: bytes) -> bytes:
    """Return what zstd packed, in several frames perhaps; what is over MAX_FILE is left out but for a byte."""
    import zstandard

    found = bytearray()
    frame = zstandard.ZstdDecompressor().decompressobj()
    try:
        while data and len(found) <= MAX_FILE:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            found += frame.decompress(data[:PIECE])
            data = frame.unused_data + data[PIECE:]
    except zstandard.ZstdError as error:
        raise SubmissionError(f"{file} is cut off or no zstd: {error}") from error
    if not frame.eof and len(found) <= MAX_FILE:
        raise SubmissionError(f"{file} is cut off or no zstd: its last frame is not whole")
    return bytes(found[: MAX_FILE + 1])


def _print_json(document: Any) -> None:  # noqa: ANN401 - any JSON document
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
