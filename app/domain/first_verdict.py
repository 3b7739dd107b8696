"""The first verdict: what the tests that come first say of a revision while the others still run.

Nothing has been seen twice by then, so nobody is blamed: what fails is named, with the promise that it is run
again.
"""

from collections.abc import Sequence

from app.domain.outcome import Verdict
from app.domain.sentence import first_named, plural
from app.domain.verdict import Case, judge, new_complaints


def first_verdict(case: Case, *, still: Sequence[str]) -> str | None:
    """Return what can be said so far, in sentences; None where nothing can.

    Args:
        case: what has come in; its changes are of the tests that are through.
        still: the tests that are still to come, spelled.
    """
    judged = judge(case)
    rest = f"Still to come: {first_named(still)}." if still else ""
    if judged.verdict is Verdict.CLEAN:
        return f"So far {judged.sentence} {rest}".rstrip()
    if judged.verdict is not Verdict.REGRESSED:
        return None
    said = []
    failing = [str(one.key) for one in case.changes if one.cls.blamed]
    if failing:
        verb = "fails" if len(failing) == 1 else "fail"
        said.append(
            f"{plural(len(failing), 'test')} {verb} with {case.label} and not on {case.base}: {first_named(failing)}"
        )
    complaints = [event.title for event in new_complaints(case)]
    if complaints:
        said.append(f"the kernel of {case.label} complains: {complaints[0]}")
    return f"So far {', and '.join(said)}. That has to be seen again before {case.label} is blamed. {rest}".rstrip()
