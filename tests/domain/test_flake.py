import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.flake import interval, wilson


@pytest.mark.parametrize(
    ("failures", "runs", "low", "high"),
    [
        # worked with pencil and paper from the formula
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 3, 0.0615, 0.7923),
        (14, 212, 0.0397, 0.1077),
    ],
)
def test_wilson(failures: int, runs: int, low: float, high: float) -> None:
    assert wilson(failures, runs) == pytest.approx((low, high), abs=5e-4)


def test_interval() -> None:
    assert interval(14, 212) == "4\N{EN DASH}11 %"
    assert interval(0, 1200) == "0\N{EN DASH}0 %"


@pytest.mark.parametrize(("failures", "runs"), [(0, 0), (2, 1), (-1, 5)])
def test_no_rate(failures: int, runs: int) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        wilson(failures, runs)


@given(runs=st.integers(1, 10_000), data=st.data())
def test_the_interval_holds_the_rate(runs: int, data: st.DataObject) -> None:
    failures = data.draw(st.integers(0, runs))
    low, high = wilson(failures, runs)
    assert 0 <= low <= failures / runs <= high <= 1
