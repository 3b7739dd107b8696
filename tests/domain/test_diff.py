"""Diffs as git makes them: what git changed is what is read, and git's patch-id is ours."""

import os
import subprocess
from pathlib import Path

import pytest

from app.domain.diff import extract_diff, parse_files
from app.domain.patch_id import patch_id
from tests.domain.threads import change

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.org"), ("DATE", "2026-03-02T10:00:00Z"))
}


def git(where: Path, *words: str, stdin: bytes | None = None) -> bytes:
    environment = {**os.environ, **IDENTITY, "HOME": str(where), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", *words], cwd=where, env=environment, input=stdin, capture_output=True, check=True
    ).stdout


@pytest.fixture
def patch(tmp_path: Path) -> str:
    """Return one `git format-patch` mail with a change of every kind."""
    git(tmp_path, "init", "-q", ".")
    lines = "".join(f"line {number}\n" for number in range(40))
    for name, text in {
        "moved.c": lines,
        "mode.sh": "#!/bin/sh\n",
        "gone.c": "gone\n",
        "edited.c": lines,
        "eof.c": "a\nb",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "image.bin").write_bytes(bytes(range(256)))
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "base")
    git(tmp_path, "mv", "moved.c", "dir-moved.c")
    (tmp_path / "mode.sh").chmod(0o755)
    git(tmp_path, "rm", "-q", "gone.c")
    (tmp_path / "edited.c").write_text(lines.replace("line 3\n", "line three\n-- \n").replace("line 30\n", ""))
    (tmp_path / "eof.c").write_text("a\nc")
    (tmp_path / "image.bin").write_bytes(bytes(reversed(range(256))))
    (tmp_path / "new with blank.c").write_text("new\n\n\tfile\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "bpf: change everything")
    return git(tmp_path, "format-patch", "--stdout", "--binary", "-1").decode()


def test_every_kind_of_change(patch: str) -> None:
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


def test_the_patch_id_is_gits(patch: str, tmp_path: Path) -> None:
    said = git(tmp_path, "patch-id", "--stable", stdin=patch.encode()).decode().split(" ")[0]
    found = extract_diff(patch)
    assert found is not None
    assert patch_id(found.text) == said
    text_only = git(tmp_path, "diff", "HEAD~", "--", "*.c", "*.sh").decode()
    assert patch_id(text_only) == git(tmp_path, "patch-id", "--stable", stdin=text_only.encode()).decode().split(" ")[0]


def test_the_cut_out_diff_applies(patch: str, tmp_path: Path) -> None:
    found = extract_diff(patch)
    assert found is not None
    assert patch[: found.start].endswith("\n\n")
    git(tmp_path, "checkout", "-q", "HEAD~")
    git(tmp_path, "apply", "--check", stdin=found.text.encode())


def test_a_patch_id_does_not_change_with_place_or_order() -> None:
    one, two = change("a"), change("b")
    assert patch_id(one + two) == patch_id(two + one) == patch_id((one + two).replace("-10,3 +10,7", "-99,3 +99,7"))
    assert patch_id(one) != patch_id(change("a", salt="_x"))
    assert patch_id("no diff") == ""


def test_prose_is_no_diff() -> None:
    assert extract_diff("diff - is a tool\n--- a/x is what it prints\nIndex: none\n") is None


def test_a_diff_ends_where_its_hunks_end() -> None:
    text = f"Text.\n\n{change('a')}\nAnd now for something else:\n{change('b')}"
    found = extract_diff(text)
    assert found is not None
    assert (found.text, found.start) == (change("a"), 7)


def test_a_damaged_hunk_is_named() -> None:
    found = extract_diff(change("a").replace("\treturn 0;", "return 0;").replace(" return 0;\n", ""))
    assert found is not None
    assert "kernel/bpf/a.c" in found.defects[0]
