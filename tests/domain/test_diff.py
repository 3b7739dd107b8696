"""Diffs as git makes them: what git changed is what is read."""

from pathlib import Path

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
