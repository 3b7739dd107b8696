"""Bytes as they arrive -> whole lines, in bounded memory, whatever the sizes of the pieces."""

from collections.abc import Iterator

MAX_LINE = 64 * 1024
"""Bytes of a line that are kept together; what is longer comes as several lines of exactly this size."""

_SLICE = 1024 * 1024


class LineSplitter:
    """Cuts a stream at newlines.

    A line never holds its newline. A line of exactly MAX_LINE bytes is a piece of a longer one and was followed by
    no newline, so that `line_size()` of all lines adds up to the offset in the stream.
    """

    def __init__(self) -> None:
        self._carry: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[list[bytes]]:
        """Yield batches of lines that `data` completes."""
        for start in range(0, len(data), _SLICE):
            text = data[start : start + _SLICE]
            self._carry.append(text)
            self._size += len(text)
            if b"\n" not in text and self._size < MAX_LINE:
                continue
            lines = b"".join(self._carry).split(b"\n")
            if max(map(len, lines)) >= MAX_LINE:
                lines = [piece for line in lines for piece in _pieces(line)]
            last = lines.pop()
            self._carry, self._size = [last], len(last)
            if lines:
                yield lines

    def finish(self) -> list[bytes]:
        """Return the last line when the stream ended without a newline."""
        last = b"".join(self._carry)
        self._carry, self._size = [], 0
        return [last] if last else []


def line_size(line: bytes) -> int:
    """Return how many bytes of the stream a line of `LineSplitter` stands for."""
    size = len(line)
    return size if size == MAX_LINE else size + 1


def text_of(line: bytes) -> str:
    """Decode one line of hostile output: utf-8 with replacement, control characters made visible, no CR at the end."""
    text = line.rstrip(b"\r").decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _pieces(line: bytes) -> list[bytes]:
    return [line[at : at + MAX_LINE] for at in range(0, len(line) + 1, MAX_LINE)]
