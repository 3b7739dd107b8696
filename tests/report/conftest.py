"""Golden files: what a report says, to be read and approved."""

from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with `data/<name>`; with `--rewrite-golden` write it there instead."""

    def compare(name: str, text: str) -> None:
        path = DATA / name
        if request.config.getoption("--rewrite-golden"):
            path.write_text(text, "utf-8", newline="")
        assert path.exists(), f"{path} is missing; make it with pytest --rewrite-golden, then read it"
        assert text == path.read_bytes().decode("utf-8")

    return compare
