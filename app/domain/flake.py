"""How often a test fails: a rate with the interval that the number of runs allows."""

from math import sqrt

_Z = 1.959963984540054
"""The standard normal's 97.5 % point: 95 % of intervals made so hold the true rate."""


def wilson(failures: int, runs: int) -> tuple[float, float]:
    """Return the 95 % score interval of a failure rate (E. B. Wilson, 1927), both ends in 0..1.

    Unlike the textbook interval it is right for few runs and for none or all failed.

    Raises:
        ValueError: there were no runs, or more failures than runs.
    """
    if not 0 <= failures <= runs or runs == 0:
        raise ValueError(f"{failures} failures in {runs} runs is no rate")
    rate, share = failures / runs, _Z**2 / runs
    centre = rate + share / 2
    spread = _Z * sqrt(rate * (1 - rate) / runs + share / (4 * runs))
    low, high = (centre - spread) / (1 + share), (centre + spread) / (1 + share)
    return (0.0 if failures == 0 else max(0.0, low)), (1.0 if failures == runs else min(1.0, high))


def interval(failures: int, runs: int) -> str:
    """Return the interval in whole per cent, as in "4-11 %" with an en dash."""
    low, high = wilson(failures, runs)
    return f"{low * 100:.0f}\N{EN DASH}{high * 100:.0f} %"
