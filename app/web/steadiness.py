"""What a test's history says of it in one sentence."""

from collections.abc import Sequence

from app.domain.sentence import plural
from app.services.test_history import InProfile, TestHistory
from app.web.words import Statement, Tone


def steadiness(history: TestHistory) -> Statement:
    """Say whether a test is steady, flaky or broken on unpatched trees of late; the worst tree and profile counts."""
    ran = [one for one in history.profiles if one.last]
    broken = [one for one in ran if all(seen.outcome.failed for seen in one.last)]
    flaky = [one for one in ran if one.history.flaky]
    if not ran:
        return Statement(head="It has not run on an unpatched tree", rest=" in ninety days.", tone=Tone.QUIET)
    if broken:
        bases = ", ".join(sorted({one.last[0].base_commit[:12] for one in broken}))
        runs = plural(sum(len(one.last) for one in broken), f"{_newest(broken)}run")
        verb = "did not pass" if _newest(broken) else "never passed"
        rest = f": it {verb} on {bases}, in {runs}."
        return Statement(head="Broken on the base", rest=rest, tone=Tone.WARN)
    if flaky:
        said = "; ".join(f"{one.history.words}, {_where(one)}" for one in flaky[:3])
        return Statement(head="Flaky", rest=f": in ninety days it {said}.", tone=Tone.WARN)
    return Statement(head="Steady", rest=f": it passed in {_passed(ran)}.", tone=Tone.GOOD)


def _where(one: InProfile) -> str:
    numbered = f", result #{one.ordinal + 1} of that name" if one.ordinal else ""
    return f"{one.tree} with {one.profile}{numbered}"


def _passed(ran: Sequence[InProfile]) -> str:
    runs = sum(one.history.runs for one in ran)
    return f"{'its only run' if runs == 1 else f'all {_newest(ran)}{runs:,} runs'} of unpatched trees in ninety days"


def _newest(ran: Sequence[InProfile]) -> str:
    return "newest " if any(one.older for one in ran) else ""
