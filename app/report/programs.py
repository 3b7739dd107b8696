"""The line of a report about what the verifier spends on programs."""

from collections.abc import Sequence

from app.domain.veristat import ProgramChange, Weight, called_out

MOST = 3
"""Programs of each kind that are named."""


def program_line(changes: Sequence[ProgramChange]) -> str:
    """Return what a reply has to say of programs: who is refused now, who grew by a lot; "" for neither.

    `x.bpf.o/a is refused now; y.bpf.o/b costs 31% more (20,000 to 26,200 instructions) and 2 more cost more`
    """
    called = called_out(changes)
    refused = [one.name for one in called if one.weight is Weight.REFUSED]
    grown = [one for one in called if one.weight is Weight.GREW]
    parts = []
    if refused:
        more = f" and {len(refused) - MOST} more" if len(refused) > MOST else ""
        verb = "is" if len(refused) == 1 else "are"
        parts.append(f"{', '.join(refused[:MOST])}{more} {verb} refused now")
    if grown:
        named = "; ".join(_grown(one) for one in grown[:MOST])
        parts.append(named + (f"; {len(grown) - MOST} more cost more" if len(grown) > MOST else ""))
    return "; ".join(parts)


def _grown(one: ProgramChange) -> str:
    assert one.before is not None
    assert one.after is not None
    by_insns = (one.insns or 0.0) >= (one.states or 0.0)
    before, after = (one.before.insns, one.after.insns) if by_insns else (one.before.states, one.after.states)
    return (
        f"{one.name} costs {one.growth:.0%} more ({before:,} to {after:,} {'instructions' if by_insns else 'states'})"
    )
