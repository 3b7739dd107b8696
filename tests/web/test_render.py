"""How values are shown."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.web import render
from app.web.render import ago, day, seconds, size, visible

NOW = datetime(2026, 4, 14, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, render.DASH),
        (0.42, "0.4 s"),
        (71, "71 s"),
        (119.6, "120 s"),
        (125, "2 min 5 s"),
        (23 * 60, "23 min"),
        (8100, "2 h 15 min"),
    ],
)
def test_durations(value: float | None, shown: str) -> None:
    assert seconds(value) == shown


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(days=3), "3 d ago"),
        (timedelta(days=40), "5 Mar"),
        (timedelta(days=400), "10 Mar 2025"),
        (-timedelta(seconds=8), "just now"),
        (-timedelta(days=1), "15 Apr"),
    ],
)
def test_times_are_as_far_away_as_they_are(passed: timedelta, shown: str) -> None:
    html = ago(NOW - passed, NOW)
    assert f">{shown}</time>" in html
    assert f'datetime="{(NOW - passed).isoformat()}"' in html


def test_days_are_those_of_utc() -> None:
    assert ">13 Apr<" in day(datetime(2026, 4, 14, 1, 0, tzinfo=timezone(timedelta(hours=2))), NOW)
    assert ago(None, NOW) == "no date"


@pytest.mark.parametrize(("value", "shown"), [(999, "999 B"), (48_213, "48.2 kB"), (64_000_000, "64.0 MB")])
def test_sizes(value: int, shown: str) -> None:
    assert size(value) == shown


def test_what_cannot_be_seen_is_made_visible() -> None:
    assert visible("a\u202eb\x1b[0m\tc\nd\u200b") == "a⟨U+202E⟩b⟨U+001B⟩[0m\tc\nd⟨U+200B⟩"
    assert visible(None) == ""


def test_assets_have_addresses_that_change_with_their_content() -> None:
    assert render.asset("css/reroll.css").startswith("/static/css/reroll.css?v=")
    assert render.asset("css/reroll.css") != render.asset("js/reroll.js")
