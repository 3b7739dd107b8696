import pytest

from app.domain.testlog.lines import MAX_LINE, LineSplitter, line_size, text_of


def split(*pieces: bytes) -> list[bytes]:
    splitter = LineSplitter()
    return [line for piece in pieces for batch in splitter.feed(piece) for line in batch] + splitter.finish()


def test_lines_are_cut_at_newlines_only() -> None:
    assert split(b"a\nb\rc\n", b"\nd") == [b"a", b"b\rc", b"", b"d"]


@pytest.mark.parametrize("size", [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 3 * MAX_LINE, 40 * MAX_LINE + 5])
def test_sizes_add_up_whatever_the_length_of_a_line(size: int) -> None:
    data = b"a\n" + b"x" * size + b"\nb\n"
    lines = split(data)
    assert max(map(len, lines)) <= MAX_LINE
    assert sum(map(line_size, lines)) == len(data)
    assert lines[-1] == b"b"
    assert lines == split(*(data[at : at + 1000] for at in range(0, len(data), 1000)))


def test_text_shows_control_characters() -> None:
    assert text_of(b"a\tb\x1b[0m\x00\r") == "a\tb\ufffd[0m\ufffd"
