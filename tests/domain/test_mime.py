"""The outer shape of mails."""

import pytest

from app.domain.mime import MAX_DEPTH, MAX_PARTS, leaves, split_headers, unflow


def texts(raw: bytes) -> tuple[list[str], tuple[str, ...]]:
    headers, body, _ = split_headers(raw)
    parts, defects = leaves(headers, body)
    return [part.text.strip() for part in parts], defects


def multipart(*parts: bytes, kind: bytes = b"mixed", boundary: bytes = b"b") -> bytes:
    joined = b"".join(b"--" + boundary + b"\n" + part + b"\n" for part in parts)
    return (
        b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\n\n' + joined + b"--" + boundary + b"--\n"
    )


def test_headers_are_unfolded_and_the_first_blank_line_ends_them() -> None:
    headers, body, defects = split_headers(b"A: one\n two\n\tthree\nno colon\na: again\r\n\r\nbody\n\nmore")
    assert (headers, body, defects) == ({b"a": [b"one two three", b"again"]}, b"body\n\nmore", ())


@pytest.mark.parametrize(
    ("raw", "defect"), [(b"A: b", "no body"), (b"\nbody", "no headers"), (b"A" * (1 << 21), "cut")]
)
def test_what_is_wrong_with_headers_is_said(raw: bytes, defect: str) -> None:
    assert defect in split_headers(raw)[2][0]


def test_parts_in_the_order_a_reader_sees_them() -> None:
    inner = multipart(b"\nfirst", b"Content-Type: text/html\n\nsecond", kind=b"related", boundary=b"in")
    assert texts(multipart(inner, b"Content-Type: text/plain\n\nthird", b"Content-Type: image/png\n\nno text")) == (
        ["first", "second", "third"],
        (),
    )


def test_of_alternatives_the_plain_one() -> None:
    html, plain = b"Content-Type: text/html\n\nrich", b"Content-Type: text/plain\n\nplain"
    assert texts(multipart(html, plain, kind=b"alternative"))[0] == ["plain"]
    assert texts(multipart(html, kind=b"alternative"))[0] == ["rich"]


@pytest.mark.parametrize("content_type", [b"multipart/mixed", b"multipart/mixed; boundary=other"])
def test_a_multipart_that_is_none_is_read_as_text(content_type: bytes) -> None:
    found, defects = texts(b"Content-Type: " + content_type + b"\n\n--b\n\ntext\n--b--\n")
    assert "text" in found[0]
    assert "read as text" in defects[0]


def test_the_end_may_be_missing() -> None:
    assert texts(multipart(b"\none", b"\ntwo").removesuffix(b"--b--\n")) == (["one", "two"], ())


def test_depth_and_number_are_bounded() -> None:
    deep = b"Content-Type: text/plain\n\nbottom"
    for level in range(MAX_DEPTH + 1):
        deep = multipart(b"\nat %d" % level, deep, boundary=b"b%d" % level)
    found, defects = texts(deep)
    assert "bottom" not in found
    assert any("nested deeper" in defect for defect in defects)
    found, defects = texts(multipart(*[b"\nx"] * (MAX_PARTS + 5)))
    assert len(found) == MAX_PARTS
    assert any("left out" in defect for defect in defects)


@pytest.mark.parametrize(
    ("text", "flat"),
    [
        ("a \nb\nc", "a b\nc"),
        ("  stuffed\n From x", " stuffed\nFrom x"),
        ("> a \n> b\n>> c \nd", "> a b\n>> c \nd"),
        ("text \n-- \nname", "text \n-- \nname"),
        ("open ", "open "),
    ],
)
def test_flowed_text_is_joined(text: str, flat: str) -> None:
    assert unflow(text, delete_space=False) == flat


def test_flowed_text_that_deletes_its_blanks() -> None:
    assert unflow("\u4f60 \n\u597d", delete_space=True) == "\u4f60\u597d"
