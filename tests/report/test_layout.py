"""Text within 72 columns, and of logs the lines that matter."""

import pytest

from app.domain.shortest import MOST_LINES
from app.report import layout


def shown(text: str) -> list[str]:
    lines = layout.log(text).split("\n")
    assert all(line.startswith("    ") for line in lines)
    return [line[4:] for line in lines]


def test_a_short_log_is_shown_whole_without_what_passed() -> None:
    assert shown("a\n\nx:PASS:open 0 nsec\n  b\t|\n") == ["a", "  b     |"]


def test_of_a_long_log_without_a_failure_its_beginning_is_shown() -> None:
    assert shown("\n".join(map(str, range(100)))) == [*map(str, range(16)), "[84 more lines]"]


def test_what_failed_at_the_end_of_a_long_log_is_not_cut_off() -> None:
    log = [f"{number}: r0 = r1" for number in range(500)]
    log += ["=============", "MATCHED    SUBSTR: 'a'", "EXPECTED   SUBSTR: 'b'"]

    lines = shown("\n".join(log))

    assert lines[0] == "[486 lines]"
    assert lines[-3:] == ["499: r0 = r1", "MATCHED    SUBSTR: 'a'", "EXPECTED   SUBSTR: 'b'"]
    assert len(lines) == 1 + MOST_LINES


def test_a_failure_in_the_middle_is_shown_with_what_is_around_it() -> None:
    log = ["begin", "f:FAIL:check unexpected", *(f"rest {number}" for number in range(50))]

    assert shown("\n".join(log)) == [*log[:16], "[36 more lines]"]


def test_gaps_are_said_in_their_place() -> None:
    log = ["a:FAIL:one", *["x"] * 100, "a:FAIL:two", "end"]

    assert shown("\n".join(log)) == ["a:FAIL:one", "[86 lines]", *["x"] * 14, "a:FAIL:two", "[1 more line]"]


def test_a_thousand_failures_are_as_short_as_one() -> None:
    lines = shown("\n".join(f"{number}:FAIL:x" for number in range(1000)))

    assert len(lines) <= MOST_LINES + 1
    assert lines[0] == "0:FAIL:x"
    assert lines[-1] == "[984 more lines]"


def test_long_lines_of_a_log_are_cut() -> None:
    assert shown("x" * 5000) == ["x" * layout.MAX_LOG_LINE + "..."]


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [("a  b\n c", 16, "a b c"), ("word " * 100, 12, "word word ..."), ("x" * 30, 16, "x" * 16 + "...")],
)
def test_a_sentence_is_one_line_and_bounded(text: str, limit: int, line: str) -> None:
    assert layout.one_line(text, limit) == line


def test_names_beyond_the_first_are_counted() -> None:
    assert layout.names(["a", "b"]) == "a, b"
    assert layout.names(map(str, range(2000)), most=2) == "0, 1 and 1,998 more"
