"""Texts of mails and diffs for pages."""

import time

from hypothesis import given
from hypothesis import strategies as st

from app.web.mailtext import BODY_LIMIT, DIFF_LIMIT, coloured_diff, said
from tests.factories import DIFF


def test_quotes_are_told_from_what_is_said() -> None:
    text = said("On Tue, Ann wrote:\n> a\n> b\n\nNo.\n\n\n> c\nYes.\n")
    assert [(block.quoted, block.text) for block in text.blocks] == [
        (False, "On Tue, Ann wrote:"),
        (True, "> a\n> b"),
        (False, "No."),
        (True, "> c"),
        (False, "Yes."),
    ]


def test_a_long_quote_is_folded_but_for_the_lines_that_the_answer_is_about() -> None:
    (quote, _) = said("\n".join(f"> {number}" for number in range(40)) + "\nNo.").blocks
    assert quote.text == "> 37\n> 38\n> 39"
    assert quote.folded_lines == 37
    assert quote.folded.startswith("> 0\n> 1\n")


def test_what_is_quoted_below_the_last_word_is_folded_away() -> None:
    (spoken, rest) = said("Applied, thanks.\n\n> --\n> 2.43.0\n>\n>\n").blocks
    assert spoken.text == "Applied, thanks."
    assert (rest.text, rest.folded, rest.folded_lines) == ("", "> --\n> 2.43.0", 2)


def test_a_mail_that_only_quotes_is_shown() -> None:
    (only,) = said("> a\n> b\n>\n").blocks
    assert only.text == "> a\n> b"


def test_what_is_too_long_is_cut_and_counted() -> None:
    assert said("x" * (BODY_LIMIT + 7)).left_out == 7
    assert said("x" * 10, 5_000_000).left_out == 5_000_000 - BODY_LIMIT
    assert said("x").left_out == 0


def test_lines_of_a_diff_know_where_they_are() -> None:
    lines = coloured_diff(DIFF).lines
    places = {line.number: (line.path, line.old, line.new) for line in lines}
    assert places[1] == ("kernel/bpf/ringcount.c", None, None)
    assert places[6] == ("kernel/bpf/ringcount.c", 41, 41)
    assert places[9] == ("kernel/bpf/ringcount.c", 44, None)
    assert places[10] == ("kernel/bpf/ringcount.c", None, 44)
    assert places[14] == ("kernel/bpf/ringcount.c", None, 48)
    assert places[18] == ("kernel/bpf/ringcount.c", 49, 52)


def test_added_and_removed_lines_are_coloured() -> None:
    html = {line.number: str(line.html) for line in coloured_diff(DIFF).lines}
    assert 'class="gd"' in html[9]
    assert 'class="gi"' in html[10]
    assert "&gt; RINGCOUNT_MAX" in html[14]


@given(st.text(alphabet="+-@ \\ab\r\n\x00\x0b\x85\u2028<&1,", max_size=300))
def test_any_text_keeps_its_lines_and_no_markup(text: str) -> None:
    lines = coloured_diff(text).lines
    assert len(lines) == text.removesuffix("\n").count("\n") + 1
    for line in lines:
        assert "<" not in str(line.html).replace("<span", "").replace("</span>", "")
        assert "\n" not in line.html


def test_a_diff_without_end_is_cut() -> None:
    diff = coloured_diff("+" + "x" * DIFF_LIMIT)
    assert diff.left_out == 1


def test_a_line_of_half_a_megabyte_takes_no_time() -> None:
    started = time.monotonic()
    coloured_diff("@" + "y" * DIFF_LIMIT)
    assert time.monotonic() - started < 5


def test_what_stands_in_columns_keeps_them() -> None:
    table = "tree:      bpf-next\nbase:      5262cb23393f\narch:      amd64"
    oops = "\n".join(f" bpf_map_{name}+0x42/0x90" for name in ("copy", "update", "delete"))
    prose = "This is right.  It has two blanks after each full stop.\nAnd more.  Or less.\nBut no columns.  None."
    assert [said(text).blocks[0].aligned for text in (table, oops, prose)] == [True, True, False]
