"""Servers as children: what is said when they do not start."""

from pathlib import Path

import pytest

from app.demo.child import free_port, listening, plain_environment
from app.errors import InfrastructureError


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["sh", "-c", "echo no such inbox >&2; exit 7"], "sh ended at once with 7; it said: no such inbox"),
        (["no-such-server"], "no-such-server ended at once with 127; .*No such file"),
    ],
)
def test_what_a_server_printed_is_told_when_it_does_not_start(argv: list[str], said: str, tmp_path: Path) -> None:
    server = listening(argv, port=free_port(), env=plain_environment(tmp_path), log=tmp_path / "log")

    with pytest.raises(InfrastructureError, match=said):
        server.__enter__()
