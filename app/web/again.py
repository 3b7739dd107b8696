"""How to see a failing test again, as pages show it."""

from dataclasses import dataclass
from urllib.parse import urlencode

from app.db.models import Test
from app.report import reproduce
from app.report.reproduce import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """One line for a shell, and where the same lies as a script with comments."""

    line: str
    script_href: str


def again(recipe: Recipe | None, test: Test) -> Again | None:
    """Return how a test of a run is seen again; None where the run built no kernel."""
    if recipe is None:
        return None
    query = urlencode({"suite": test.suite, "test": test.name})
    return Again(
        line=reproduce.line(recipe, test.suite, [test.name]),
        script_href=f"/api/v1/runs/{recipe.run_id}/reproduce?{query}",
    )
