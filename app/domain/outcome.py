"""The words for what happened to a test, to a step and to a revision; the values that carry them."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How one test or step ended. FAIL blames the code under test, ERROR the test, MISS the harness (us)."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    ERROR = "error"
    SKIP = "skip"
    MISS = "miss"

    @property
    def failed(self) -> bool:
        """Whether something other than us went wrong."""
        return self in {Outcome.FAIL, Outcome.ERROR}


class ChangeClass(StrEnum):
    """What a test did between the base and the patched tree."""

    REGRESSION = "regression"
    FIXED = "fixed"
    PRE_EXISTING = "pre-existing"
    FLAKY = "flaky"
    NEW_FAILURE = "new failure"
    NEW_PASS = "new pass"  # noqa: S105 - no password
    DISAPPEARED = "disappeared"
    NOT_RUN = "not run"
    IGNORED = "ignored"
    UNCHANGED = "unchanged"

    @property
    def blamed(self) -> bool:
        """Whether the series answers for it."""
        return self in {ChangeClass.REGRESSION, ChangeClass.NEW_FAILURE}


class Verdict(StrEnum):
    """What is said of a revision."""

    CLEAN = "clean"
    REGRESSED = "regressed"
    DOES_NOT_APPLY = "does not apply"
    DOES_NOT_BUILD = "does not build"
    DOES_NOT_BOOT = "does not boot"
    INCONCLUSIVE = "inconclusive"


class Step(StrEnum):
    """The steps of a run, in their order."""

    FETCH = "fetch"
    APPLY = "apply"
    BUILD = "build"
    BOOT = "boot"
    SELFTESTS = "selftests"
    JUDGE = "judge"
    PATCHES = "patches"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TestKey:
    """Names a test across runs. Numbers in a log shift between revisions, so none is part of it.

    `ordinal` counts, from 0, the results that share `name` within one run of `suite`.
    """

    __test__ = False  # pytest: not a test case

    suite: str
    name: str
    ordinal: int = 0

    def __str__(self) -> str:
        return self.name if self.ordinal == 0 else f"{self.name} #{self.ordinal + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramCounts:
    """What the verifier spent on a program: instructions that it walked through, states that it made."""

    states: int
    insns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One test's outcome in one run.

    `parent` is the name of the test that this is a subtest of. `aggregate`: its outcome only sums up its subtests, so
    it is no test to count or to blame; a test that fails though no subtest of it did is not one.
    `message` is one line that says why (at most 300 characters), `detail` the part of the log that explains it
    (bounded, see `app.domain.testlog.excerpt`). `log_start` and `log_end` are byte offsets of the whole log in
    the stream that the result was read from; both None when the test printed nothing. `counts` are veristat's.
    """

    __test__ = False  # pytest: not a test case

    suite: str
    name: str
    ordinal: int = 0
    outcome: Outcome
    parent: str | None = None
    aggregate: bool = False
    message: str | None = None
    detail: str | None = None
    duration_s: float | None = None
    log_start: int | None = None
    log_end: int | None = None
    counts: ProgramCounts | None = None

    @property
    def key(self) -> TestKey:
        """What names this test in other runs."""
        return TestKey(suite=self.suite, name=self.name, ordinal=self.ordinal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many tests ended how: `tests` top-level ones; `leaves`, and all after it, count what is no aggregate."""

    tests: int = 0
    leaves: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
