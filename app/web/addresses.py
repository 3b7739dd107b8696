"""Addresses that more than one page leads to."""

from urllib.parse import quote

from app.db.models import Test
from app.domain.outcome import TestKey


def address_of_test(run_id: int, test: Test | TestKey, ordinal: int = 0, query: str = "") -> str:
    """Return where a test of a run is shown; `query` is appended.

    A browser takes `..` between slashes out of a path, so a test of such a name is looked for in its run's list.
    """
    if not {".", ".."}.isdisjoint((test.suite, *test.name.split("/"))):
        return f"/runs/{run_id}?name={quote(test.name, safe='')}#results"
    path = f"/runs/{run_id}/tests/{quote(test.suite, safe='')}/{quote(test.name)}"
    words = [f"ordinal={ordinal}"] if ordinal else []
    asked = "&".join([*words, *([query] if query else [])])
    return f"{path}?{asked}" if asked else path
