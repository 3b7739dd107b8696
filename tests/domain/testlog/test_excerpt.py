import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.testlog import excerpt
from app.domain.testlog.excerpt import MAX_DETAIL, MAX_MESSAGE, LogWindow, bounded, explain, explain_briefly


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("test_x:FAIL:attach unexpected error: -22 (errno 22)", "attach unexpected error: -22 (errno 22)"),
        ("test_x:FAIL:123", "test_x:FAIL:123"),
        ("test_x:FAIL:123 open failed", "open failed"),
        ("check:FAIL:value unexpected value: actual 1 != expected 2", "unexpected value: actual 1 != expected 2"),
        ("libbpf: failed to load object", "libbpf: failed to load object"),
    ],
)
def test_message(line: str, message: str) -> None:
    explained = explain(["some noise", "a:PASS:b 0 nsec", line, "after it"])
    assert explained.message == message
    assert explained.detail == f"some noise\n{line}\nafter it"


def test_the_first_failure_says_why_and_the_last_line_where_nothing_says_fail() -> None:
    assert explain(["a:FAIL:one no", "a:FAIL:two no"]).message == "one no"
    assert explain(["first", "last"]).message == "last"


def test_nothing_said() -> None:
    assert explain(["a:PASS:b 0 nsec", ""]) == excerpt.Explanation(message=None, detail=None)
    assert explain_briefly([]) == excerpt.Explanation(message=None, detail=None)


def test_lengths_are_bounded_and_the_loss_is_said() -> None:
    explained = explain(["a:FAIL:" + "x" * 5000, *("line" * 10 for _ in range(5000)), "the end"])
    assert explained.message is not None
    assert len(explained.message) == MAX_MESSAGE
    assert explained.detail is not None
    assert len(explained.detail) <= MAX_DETAIL
    assert "lines left out ...]" in explained.detail
    assert explained.detail.endswith("the end")


@given(number=st.integers(0, 60), length=st.integers(0, 40), limit=st.integers(200, 400))
def test_bounded(number: int, length: int, limit: int) -> None:
    lines = ["a" * length] * number
    whole, text = "\n".join(lines), bounded(lines, limit)
    assert len(text) <= limit
    assert (text == whole) is (len(whole) <= limit)


def window(lines: list[bytes], sizes: list[int]) -> LogWindow:
    kept, at = LogWindow(), 0
    for size in sizes:
        kept.extend(lines[at : at + size])
        at += size
    kept.extend(lines[at:])
    return kept


@given(number=st.integers(0, 300), length=st.integers(0, 40), sizes=st.lists(st.integers(1, 60), max_size=20))
def test_a_window_keeps_both_ends_whatever_the_pieces(number: int, length: int, sizes: list[int]) -> None:
    lines = [b"%04d" % at + b"x" * length for at in range(number)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(excerpt, "_HEAD_BYTES", 300)
        patch.setattr(excerpt, "_TAIL_BYTES", 200)
        kept = window(lines, sizes).lines()
        assert kept == window(lines, []).lines()
    texts = [line.decode() for line in lines]
    if kept != texts:
        lost = next(at for at, line in enumerate(kept) if line.startswith("[..."))
        assert kept[:lost] == texts[:lost]
        assert kept[lost + 1 :] == texts[len(texts) - (len(kept) - lost - 1) :]
        assert kept[lost] == f"[... {len(texts) - len(kept) + 1} lines left out ...]"


def test_a_window_takes_no_longer_for_many_small_pieces_after_a_large_one() -> None:
    kept = LogWindow()
    kept.extend([b"y" * 1000] * 200)
    kept.extend([b""] * 65_000)
    began = time.process_time()
    for _ in range(30_000):
        kept.extend([b"x"])
    assert time.process_time() - began < 5


def test_a_cleared_window_is_empty() -> None:
    kept = window([b"a"], [])
    assert kept
    kept.clear()
    assert not kept
    assert kept.lines() == []
