"""The `reroll` command."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.errors import InfrastructureError, RerollError, SubmissionError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.config import Settings

# Imports inside commands: `reroll inspect` must start fast, and a worker needs no web framework.
# ruff: noqa: PLC0415

app = typer.Typer(
    name="reroll",
    help="From a patch series on a list to a verdict that can be believed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
database = typer.Typer(help="The database.", no_args_is_help=True)
token = typer.Typer(help="Bearer tokens for writing over REST and on the pages.", no_args_is_help=True)
inspect = typer.Typer(help="Print what is read, as JSON.", no_args_is_help=True)
app.add_typer(database, name="db")
app.add_typer(token, name="token")
app.add_typer(inspect, name="inspect")

GOODBYE_S = 3
Pool = Annotated[str, typer.Option(help="Which queue to take jobs from.")]


@app.command()
def up(pool: Annotated[list[str] | None, typer.Option(help="One worker for each; may be given again.")] = None) -> None:
    """Run database (embedded unless DATABASE_URL is set), web application and workers until interrupted."""
    import asyncio

    from app.logging import configure
    from app.up import serve

    configure()
    asyncio.run(serve(_settings(), pools=pool or ["default"]))


@app.command()
def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="Stop at the end; 0 when all went as expected.")] = False,
) -> None:
    """Track the bundled example thread with everything real and local: archive, database, mail, kernel, QEMU."""
    import asyncio

    from app.demo.run import run_demo

    raise typer.Exit(asyncio.run(run_demo(stop_at_end=exit_)))


@app.command()
def track(reference: Annotated[str, typer.Argument(help="A Message-ID or an archive's URL.")]) -> None:
    """Fetch a thread and run its revisions, on the workers of `reroll up`."""
    from app.services import tracking

    with _transaction() as session:
        thread = tracking.track(session, reference, requested_by="command line")
        message_id = thread.message_id
    typer.echo(f"queued: {message_id}; see {_settings().public_url}/threads")


@app.command()
def ingest(
    places: Annotated[list[str], typer.Argument(help="Folders or URLs of public-inboxes (v2), or mailboxes.")],
) -> None:
    """Take whole archives in, or what is new in them since the last time; nothing is run."""
    from app.taking_in import take_in_archives

    gc.freeze()  # what was imported stays, and is not gone through again with each of thousands of batches
    with _database_running(), _telling_database_trouble():
        take_in_archives(_settings(), places)


@app.command()
def web() -> None:
    """Serve the web application alone."""
    import uvicorn
    from sqlalchemy.orm import configure_mappers

    from app.logging import configure
    from app.main import create_app

    configure()
    use = _settings()
    application = create_app(use)
    configure_mappers()
    # What is there by now stays: a full collection would look at each of its 200,000 objects, an eighth of a second in
    # which some page waits.
    gc.collect()
    gc.freeze()
    # A live page that is open would otherwise hold the end for as long as it is read.
    uvicorn.run(
        application,
        host=use.listen_host,
        port=use.listen_port,
        log_level="warning",
        timeout_graceful_shutdown=GOODBYE_S,
    )


@app.command()
def worker(pool: Pool = "default") -> None:
    """Run one worker, as a process of its own."""
    os.execv(sys.executable, [sys.executable, "-m", "workers", "--pool", pool])  # noqa: S606 - a list, no shell


@app.command()
def watch(once: Annotated[bool, typer.Option("--once", help="Look at each list once and end.")] = False) -> None:
    """Follow the lists of the settings: take in what is new, and run what their rules choose."""
    os.execv(sys.executable, [sys.executable, "-m", "workers.watch", *(["--once"] if once else [])])  # noqa: S606


@app.command()
def doctor() -> None:
    """Probe every tool with its version, and KVM by a real boot; say how to get what is missing."""
    import asyncio

    from app.doctor import report

    raise typer.Exit(asyncio.run(report(_settings())))


@database.command("upgrade")
def upgrade_database() -> None:
    """Bring the schema up to date; the embedded server is started for it when it is not running."""
    from app.stack import prepare_database

    with _database_running():
        prepare_database(_settings())


@token.command("create")
def create_token(name: Annotated[str, typer.Argument(help="Who or what it is for.")]) -> None:
    """Make a token and print it, once; only its hash is kept."""
    from app.services import tokens

    with _transaction() as session:
        plain = tokens.create(session, name)
    typer.echo(plain)


@token.command("revoke")
def revoke_token(name: Annotated[str, typer.Argument(help="The name it was made with.")]) -> None:
    """Take a token back."""
    from app.services import tokens

    with _transaction() as session:
        tokens.revoke(session, name)


@inspect.command("thread")
def inspect_thread(
    places: Annotated[list[str], typer.Argument(help="Files (mbox, .gz, or one mail) or URLs of threads.")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Print what the parser makes of threads."""
    from app.inspect import show_thread

    show_thread(places, as_json=as_json)


@inspect.command("results")
def inspect_results(
    file: Annotated[Path, typer.Argument(help="Output of a suite or of a guest (.gz, .zst too).")],
    suite: Annotated[str | None, typer.Option(help="Which suite printed it; told by its marks if not said.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Print what is read of a suite's output."""
    from app.inspect import show_results

    show_results(file, suite=suite, as_json=as_json)


@inspect.command("console")
def inspect_console(
    file: Annotated[Path, typer.Argument(help="A kernel's console (.gz, .zst too).")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Print the complaints found in a kernel's console."""
    from app.inspect import show_console

    show_console(file, as_json=as_json)


def _settings() -> "Settings":
    from app.config import settings

    return settings()


@contextmanager
def _database_running() -> Iterator[None]:
    """Hold the embedded server open; where `reroll up` does not run it now, it is started and brought up to date."""
    from app.db.url import embedded_cluster
    from app.stack import prepare_database

    cluster = embedded_cluster(_settings())
    if cluster is None or cluster.ready():
        yield
        return
    with cluster.running():
        prepare_database(_settings())
        yield


@contextmanager
def _transaction() -> Iterator["Session"]:
    from app.db.session import make_engine, make_sessions
    from app.db.url import database_url

    with _database_running(), _telling_database_trouble():
        engine = make_engine(database_url(_settings()))
        try:
            with make_sessions(engine).begin() as session:
                yield session
        finally:
            engine.dispose()


@contextmanager
def _telling_database_trouble() -> Iterator[None]:
    from sqlalchemy.exc import OperationalError, ProgrammingError

    try:
        yield
    except ProgrammingError as error:
        raise InfrastructureError(
            f"the database lacks what is asked of it; run `reroll db upgrade`: {error.orig}"
        ) from error
    except OperationalError as error:
        raise InfrastructureError(f"the database does not answer: {error.orig}") from error


def main() -> None:
    """Run the command; an error of ours or of the input is one line, not a traceback."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        app()
    except RerollError as error:
        typer.echo(f"reroll: {error}", err=True)
        sys.exit(2 if isinstance(error, SubmissionError) else 1)


if __name__ == "__main__":
    main()
