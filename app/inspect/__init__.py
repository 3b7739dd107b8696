"""`reroll inspect`: what the parsers see, as JSON or as a short table."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer

from app.domain.message import parse_message, split_mbox
from app.inspect.files import plain_file, unpacked

# Imports inside functions: a start-up of half a second is a promise.
# ruff: noqa: PLC0415


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
    """Print the results read from a suite's output, or a guest's whole stream, as they are read.

    Raises:
        SubmissionError: the file cannot be read; nothing was printed.
    """
    from app.domain.outcome import TestResult
    from app.domain.results_document import read_results
    from app.inspect.results_json import write_results

    with plain_file(unpacked(file)) as captured:
        if as_json:
            any_result = write_results(captured, partial(typer.echo, nl=False), suite=suite)
        else:
            any_result = False
            for one in read_results(captured, suite=suite):
                if isinstance(one, TestResult):
                    any_result = True
                    typer.echo(f"{one.outcome:5} {one.name}" + (f"  {one.message}" if one.message else ""))
    if not any_result:
        typer.echo(f"{file}: no result of a test was found; --suite says whose output it is", err=True)


def show_console(file: Path, *, as_json: bool) -> None:
    """Print the complaints read from a console.

    Raises:
        SubmissionError: the file cannot be read.
    """
    from app.domain.results_document import console_document

    document = console_document(unpacked(file))
    if as_json:
        _print_json(document)
        return
    for one in document["events"]:
        typer.echo(f"{one['line']}: {one['kind']}: {one['title']}")


def _bytes_of(place: str) -> bytes:
    if not place.startswith(("http://", "https://")):
        return b"".join(unpacked(Path(place)))
    import asyncio

    from app.config import settings
    from app.domain.message_id import parse_reference
    from workers.adapters.lore import LoreClient

    use = settings()
    client = LoreClient(use.lore, use.cache_dir)
    return asyncio.run(client.thread(parse_reference(place)))


def _print_json(document: Any) -> None:  # noqa: ANN401 - any JSON document
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
