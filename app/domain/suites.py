"""The suites of the selftests, and how a test is spelled where tests are chosen, given to a machine, and run again.

`bpf_iter` is a test of test_progs, `test_progs-cpuv4:bpf_iter` one of another suite, `test_maps:*` a whole suite: only
test_progs and its flavours, and veristat (whose tests are object files), can be told to run a part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

WHOLE = "*"


class Suite(StrEnum):
    """What can be run in the guest."""

    TEST_PROGS = "test_progs"
    NO_ALU32 = "test_progs-no_alu32"
    CPUV4 = "test_progs-cpuv4"
    TEST_VERIFIER = "test_verifier"
    TEST_MAPS = "test_maps"
    VERISTAT = "veristat"

    @property
    def flavour(self) -> str | None:
        """What test_progs' programs are built for, "" for what is usual; None for other suites."""
        name, _, flavour = self.partition("-")
        return flavour if name == Suite.TEST_PROGS else None


FLAVOURS = (Suite.TEST_PROGS, Suite.NO_ALU32, Suite.CPUV4)
NARROWED = (*FLAVOURS, Suite.VERISTAT)
"""Suites that can be told what to run; their results are called `TEST/...`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A suite run once; `tests` are its tests in the order of their bytes, none for the whole suite."""

    suite: Suite
    tests: tuple[str, ...]


def spelled(suite: str, name: str) -> str:
    """Return how a test of a suite is spelled."""
    return name if suite == Suite.TEST_PROGS else f"{suite}:{name}"


def read(test: str) -> tuple[str, str]:
    """Return the suite and the name of what is spelled."""
    suite, colon, name = test.partition(":")
    return (suite, name) if colon else (Suite.TEST_PROGS, test)


def origin(suite: str, name: str) -> str:
    """Return the spelling of what has to be run for a result: `bpf_iter` for `bpf_iter/ksym`, all of test_maps."""
    return spelled(suite, name.partition("/")[0] if suite in NARROWED else WHOLE)


def invocations(tests: Sequence[str]) -> tuple[Invocation, ...]:
    """Return what to run, one after the other, for tests to come in this order.

    A suite runs what it is given in the order of their bytes. Where `tests` goes back, it is run once more: so comes
    first what was put first.

    Raises:
        ValueError: there is no such suite.
    """
    found: list[tuple[Suite, list[str]]] = []
    for test in tests:
        suite, name = read(test)
        last = found[-1] if found else None
        if last is None or last[0] != suite or name <= last[1][-1]:
            found.append((Suite(suite), [name]))
        else:
            last[1].append(name)
    return tuple(Invocation(suite=suite, tests=tuple(n for n in names if n != WHOLE)) for suite, names in found)
