"""Which results a series is judged by: what veristat says of a program that the series itself writes is not."""

from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from app.domain.outcome import TestResult
from app.domain.patches import SELFTESTS
from app.domain.suites import Suite


def counted(results: Iterable[TestResult], files: Collection[str]) -> list[TestResult]:
    """Return the results that count; `files` are the paths in the tree that the series touches.

    That the verifier refuses a program of the series' own may be what is wanted: most tests of the verifier are such
    programs. Whether it is, only their test knows (`__failure` in test_loader.c), which runs in test_progs; veristat
    shows what they cost. Of a header nobody can tell here which programs it reaches.
    """
    touched = [PurePosixPath(path) for path in files if path.startswith(SELFTESTS)]
    every = any(path.suffix == ".h" for path in touched)
    objects = {f"{path.stem}.bpf.o" for path in touched if path.suffix == ".c" and path.parent.name == "progs"}
    return [
        one for one in results if one.suite != Suite.VERISTAT or not (every or one.name.partition("/")[0] in objects)
    ]
