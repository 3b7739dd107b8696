"""`python -m workers.watch`: lists followed, one after the other, each as often as its settings say."""

import argparse
import sys
import time
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import OperationalError

from app.config import ListSettings, Settings, settings
from app.db.session import Sessions, make_engine, make_sessions
from app.db.url import database_url
from app.errors import RerollError, SubmissionError
from app.logging import configure
from app.services.watching import track_wanted
from workers.archive import Progress, ingest_archive

log = structlog.get_logger(__name__)


def look(use: Settings, sessions: Sessions, rules: ListSettings) -> int:
    """Take in what is new on a list and track what its rules choose; return how many mails came.

    Raises:
        RerollError: the list cannot be read now; what came before that is kept, and was tracked.
    """

    def choose(progress: Progress) -> None:
        with sessions.begin() as session:
            for message_id in track_wanted(session, rules, progress.series, now=datetime.now(UTC)):
                log.info("tracking", list=rules.name, message_id=message_id)

    return ingest_archive(sessions, rules.place, cache_dir=use.cache_dir, tell=choose)


def watch(use: Settings, sessions: Sessions, *, once: bool) -> None:
    """Look at each list again and again; trouble with one is logged, and the others are looked at all the same.

    Raises:
        SubmissionError: there are no lists in the settings.
        OperationalError: PostgreSQL is away; whoever started this starts it again.
    """
    if not use.lists:
        raise SubmissionError("there is no list to follow; add one to [[lists]] in the settings")
    due = dict.fromkeys((one.name for one in use.lists), 0.0)
    while True:
        for rules in use.lists:
            if time.monotonic() < due[rules.name]:
                continue
            try:
                mails = look(use, sessions, rules)
                log.info("looked", list=rules.name, mails=mails)
            except RerollError as error:
                log.warning("cannot be followed now", list=rules.name, error=str(error))
            due[rules.name] = time.monotonic() + rules.every.total_seconds()
        if once:
            return
        time.sleep(max(0.0, min(due.values()) - time.monotonic()))


def main() -> None:
    """Parse the command line and watch."""
    parser = argparse.ArgumentParser(prog="python -m workers.watch", description=__doc__)
    parser.add_argument("--once", action="store_true", help="look at each list once and end")
    options = parser.parse_args()
    configure()
    try:
        use = settings()
        watch(use, make_sessions(make_engine(database_url(use))), once=options.once)
    except RerollError as error:
        sys.exit(f"reroll: {error}")
    except OperationalError as error:
        sys.exit(f"reroll: the database does not answer: {error.orig}")


if __name__ == "__main__":
    main()
