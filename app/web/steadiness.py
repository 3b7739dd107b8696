"""What a test's history says of it in one sentence."""

from app.services.test_history import TestHistory
from app.web.words import Statement, Tone


def steadiness(history: TestHistory) -> Statement:
    """Say whether a test is steady, flaky or broken on unpatched trees of late; the worst tree and profile counts."""
    ran = [one for one in history.profiles if one.bases]
    newest = [one.bases[0] for one in ran]
    broken = [base for base in newest if base.failures == len(base.seen)]
    flaky = [one for one in ran if one.history.flaky]
    if not ran:
        return Statement(head="It has not run on an unpatched tree", rest=" in ninety days.", tone=Tone.QUIET)
    if broken:
        rest = f": it never passed on {', '.join(sorted({one.commit[:12] for one in broken}))}."
        return Statement(head="Broken on the base", rest=rest, tone=Tone.WARN)
    if flaky:
        said = "; ".join(f"{one.history.words}, {one.tree} with {one.profile}" for one in flaky[:3])
        return Statement(head="Flaky", rest=f": it {said}.", tone=Tone.WARN)
    runs = sum(one.history.runs for one in ran)
    rest = f": it passed in {'its only run' if runs == 1 else f'all {runs:,} runs'} of unpatched trees in ninety days."
    return Statement(head="Steady", rest=rest, tone=Tone.GOOD)
