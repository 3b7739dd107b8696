"""How processes log."""

import subprocess
import sys

SCRIPT = """
import structlog
from app.logging import configure

configure()
def fails(secret):
    raise ValueError("as it may be")
try:
    fails("of " + "nobody's " + "business")
except ValueError as error:
    structlog.get_logger().error("unexpected", exc_info=error)
"""


def test_an_exception_is_logged_with_its_traceback_and_without_the_values_in_it() -> None:
    # A process of its own: structlog is set up once for all of a process.
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert "unexpected" in ran.stderr
    assert "ValueError: as it may be" in ran.stderr
    assert ", in fails" in ran.stderr
    assert "nobody's business" not in ran.stderr
