"""What `reroll inspect results` prints of bytes, as the command does it."""

import json
from typing import Any

from app.inspect.files import plain_file
from app.inspect.results_json import write_results


def results_document(data: bytes, *, suite: str | None = None) -> dict[str, Any]:
    """Return the document that is printed of a suite's output, or of a guest's whole stream."""
    printed = bytearray()
    with plain_file([data]) as captured:
        write_results(captured, printed.extend, suite=suite)
    return json.loads(printed)
