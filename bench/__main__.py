"""`make bench`: mails ingested, logs read, pages on many results; one revision, and four, against the work by hand."""

import argparse
import asyncio
from collections.abc import Callable

from bench.archive import measure_archive
from bench.ingest import measure_ingest
from bench.parsers import measure_parsers
from bench.revision import measure_revision
from bench.shared import measure_shared
from bench.storage import measure_storage


def main() -> None:
    """Run the chosen measurements and print what they found; exit 1 where one is over its limits, if it has any."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        choices=["ingest", "archive", "parsers", "storage", "revision", "shared", []],
        help="all unless named",
    )
    parser.add_argument("--rounds", type=int, default=2, help="how often the revision is measured each way")
    parser.add_argument("--mails", type=int, default=20_000, help="how many mails the archive has")
    parser.add_argument("--results", type=int, default=20_000_000, help="how many results the storage holds")
    parser.add_argument("--series", type=int, default=100_000, help="how many series it holds, eight mails each")
    chosen = parser.parse_args()
    measurements = _measurements(chosen)
    over = [name for name in measurements if name in (chosen.what or measurements) and measurements[name]() is False]
    if over:
        parser.exit(1, f"over its limits: {', '.join(over)}\n")


def _measurements(chosen: argparse.Namespace) -> dict[str, Callable[[], bool | None]]:
    """Return what there is to measure, by name: each says whether it kept its limits, None where it has none."""
    return {
        "ingest": measure_ingest,
        "archive": lambda: measure_archive(mails=chosen.mails),
        "parsers": measure_parsers,
        "storage": lambda: measure_storage(results=chosen.results, series=chosen.series),
        "revision": lambda: asyncio.run(measure_revision(rounds=chosen.rounds)),
        "shared": lambda: asyncio.run(measure_shared()),
    }


if __name__ == "__main__":
    main()
