"""Diffs as git makes them: what git changed is what is read."""

from pathlib import Path

import pytest

from app.domain.diff import extract_diff, parse_files
from tests.domain.repository import everything_changed, git
from tests.domain.threads import change


def test_every_kind_of_change(tmp_path: Path) -> None:
    patch = everything_changed(tmp_path)
    files = parse_files(patch)
    assert {(file.old_path, file.new_path, file.binary, file.renamed, len(file.hunks)) for file in files} == {
        ("moved.c", "dir-moved.c", False, True, 0),
        ("mode.sh", "mode.sh", False, False, 0),
        ("gone.c", None, False, False, 1),
        ("edited.c", "edited.c", False, False, 2),
        ("eof.c", "eof.c", False, False, 1),
        ("image.bin", "image.bin", True, False, 0),
        (None, "new with blank.c", False, False, 1),
    }


def test_the_cut_out_diff_applies(tmp_path: Path) -> None:
    patch = everything_changed(tmp_path)
    found = extract_diff(patch)
    assert found is not None
    assert patch[: found.start].endswith("\n\n")
    git(tmp_path, "checkout", "-q", "HEAD~")
    git(tmp_path, "apply", "--check", stdin=found.text.encode())


def test_prose_is_no_diff() -> None:
    assert extract_diff("diff - is a tool\n--- a/x is what it prints\nIndex: none\n") is None


def test_a_diff_ends_where_its_hunks_end() -> None:
    found = extract_diff(f"Text.\n\n{change('a')}\nAnd now for something else:\n-- \n2.43.0\n")
    assert found is not None
    assert (found.text, found.start) == (change("a"), 7)


def test_what_stands_between_two_pieces_does_not_end_it(tmp_path: Path) -> None:
    text = f"Text.\n\n{change('a')}\nAnd now for something else:\n{change('b')}\nThat is all.\n"
    found = extract_diff(text)
    assert found is not None
    assert [each.path for each in found.files] == ["kernel/bpf/a.c", "kernel/bpf/b.c"]
    assert git(tmp_path, "apply", "--numstat", stdin=text.encode()).count(b"\n") == 2
    assert found.text.endswith(change("b"))


def test_a_damaged_hunk_is_named() -> None:
    found = extract_diff(change("a").replace("\treturn 0;", "return 0;").replace(" return 0;\n", ""))
    assert found is not None
    assert "kernel/bpf/a.c" in found.defects[0]


@pytest.mark.parametrize(
    ("header", "paths"),
    [
        ("Index: l/k/x.c\n====\n--- l.orig/k/x.c\n+++ l/k/x.c\n", ("k/x.c", "k/x.c")),
        ("Index: x.c\n====\nRCS file: /cvs/x.c,v\n--- x.c\t1 Jan 2008\t1.1\n+++ x.c\t2 Jan 2008\n", ("x.c", "x.c")),
        ("diff -urN a/x.c b/x.c\n--- a/x.c\t2020-01-01\n+++ b/x.c\t2020-01-02\n", ("x.c", "x.c")),
        ("diff --git a/k/x.c b/m/x.c\nrename from k/x.c\n--- a/k/x.c\n+++ b/m/x.c\n", ("k/x.c", "m/x.c")),
        ('diff --git "a/\\303\\244.c" "b/\\303\\244.c"\n--- "a/\\303\\244.c"\n+++ "b/\\303\\244.c"\n', ("ä.c", "ä.c")),
    ],
)  # fmt: skip
def test_names_as_several_tools_write_them(header: str, paths: tuple[str, str]) -> None:
    found = extract_diff(f"Text.\n\n{header}@@ -1 +1 @@\n-a\n+b\n")
    assert found is not None
    assert [(each.old_path, each.new_path) for each in found.files] == [paths]
