"""`make bench`: mails ingested, logs read, pages on many results; one revision, and four, against the work by hand."""

import argparse
import asyncio

from bench.archive import measure_archive
from bench.ingest import measure_ingest
from bench.parsers import measure_parsers
from bench.revision import measure_revision
from bench.shared import measure_shared
from bench.storage import measure_storage


def main() -> None:
    """Run the chosen measurements and print what they found."""
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
    if not chosen.what or "ingest" in chosen.what:
        measure_ingest()
    if not chosen.what or "archive" in chosen.what:
        measure_archive(mails=chosen.mails)
    if not chosen.what or "parsers" in chosen.what:
        measure_parsers()
    if not chosen.what or "storage" in chosen.what:
        measure_storage(results=chosen.results, series=chosen.series)
    if not chosen.what or "revision" in chosen.what:
        asyncio.run(measure_revision(rounds=chosen.rounds))
    if not chosen.what or "shared" in chosen.what:
        asyncio.run(measure_shared())


if __name__ == "__main__":
    main()
