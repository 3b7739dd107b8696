"""`make bench`: ingest, then a warm revision by the pipeline against the same commands by hand, and memory."""

import argparse
import asyncio

from bench.ingest import measure_ingest
from bench.revision import measure_revision


def main() -> None:
    """Run the chosen measurements and print what they found."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=["ingest", "revision", []], help="both unless named")
    parser.add_argument("--rounds", type=int, default=2, help="how often the revision is measured each way")
    chosen = parser.parse_args()
    if not chosen.what or "ingest" in chosen.what:
        measure_ingest()
    if not chosen.what or "revision" in chosen.what:
        asyncio.run(measure_revision(rounds=chosen.rounds))


if __name__ == "__main__":
    main()
