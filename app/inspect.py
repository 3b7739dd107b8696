"""`reroll inspect`: what the parsers see, as JSON or as a short table."""

import gzip
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from app.domain.message import parse_message, split_mbox
from app.errors import SubmissionError

# Imports inside functions: a start-up of half a second is a promise.
# ruff: noqa: PLC0415

MAX_FILE = 512_000_000
GZIP_MAGIC = b"\x1f\x8b"


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


def show_results(file: Path, *, suite: str, as_json: bool) -> None:
    """Print the results read from a suite's output."""
    from app.domain.results_document import results_document

    document = results_document(_read(file), suite=suite)
    if as_json:
        _print_json(document)
        return
    for one in document["results"]:
        typer.echo(f"{one['outcome']:5} {one['name']}" + (f"  {one['message']}" if one["message"] else ""))


def show_console(file: Path, *, as_json: bool) -> None:
    """Print the complaints read from a console."""
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
        data = file.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{file} cannot be read: {error.strerror}") from error
    if not data.startswith(GZIP_MAGIC):
        return data
    try:
        with gzip.open(file) as packed:
            data = packed.read(MAX_FILE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SubmissionError(f"{file} is cut off or no gzip: {error}") from error
    if len(data) > MAX_FILE:
        raise SubmissionError(f"{file} unpacks to more than {MAX_FILE} bytes")
    return data


def _print_json(document: Any) -> None:  # noqa: ANN401 - any JSON document
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
