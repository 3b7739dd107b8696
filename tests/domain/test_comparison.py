"""Two revisions compared as git compares them, on commits that git made."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.domain.comparison import Comparison, Source, compare
from app.domain.message import parse_message, split_mbox
from app.domain.series import Patch, parse_threads
from tests.domain.repository import git

BODY = "".join(f"int f{n}(void)\n{{\n\treturn {n};\n}}\n\n" for n in range(30))
Step = tuple[str, str, dict[str, str]]
"""Title, message, and what is replaced by what in a.c; in other files where the key is `file:text`."""

OLD: tuple[Step, ...] = (
    ("bpf: First", "Why the first.", {"return 3;": "return 33;"}),
    ("bpf: Second", "Why the second.", {"return 9;": "return 99;\n\t/* a line\n\t * more\n\t * and more */"}),
    ("bpf: Third", "Why the third.", {"return 20;": "return 200;", "return 25;": "return 250;"}),
    ("bpf: Dropped", "Why.", {"return 28;": "return 280;"}),
)
NEW: tuple[Step, ...] = (
    ("bpf: Third", "Why the third.", {"return 20;": "return 200;", "return 25;": "return 250;"}),
    ("bpf: First", "Why the first, better said.\n\nAcked-by: Rex <rex@example.com>", {"return 3;": "return 33;"}),
    ("bpf: Second, renamed", "Why the second.", {"return 9;": "return 99;\n\t/* a line\n\t * more\n\t * and less */"}),
    ("bpf: Added", "Why.", {"new.c:": "int added;\n" * 12}),
)


def commit(folder: Path, branch: str, steps: Sequence[Step]) -> list[Patch]:
    """Make a branch of commits on `base`; return them as patches that came by mail."""
    git(folder, "checkout", "-q", "-B", branch, "base")
    for title, message, changes in steps:
        for key, text in changes.items():
            name, _, replaced = key.rpartition(":")
            path = folder / (name or "a.c")
            path.write_text(path.read_text().replace(replaced, text) if name == "" else text)
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", f"{title}\n\n{message}")
    mails = split_mbox(git(folder, "format-patch", "--stdout", "base"))
    assert len(mails) == len(steps)
    (series,) = parse_threads(parse_message(mail.replace(b"\n", b"\nMessage-ID: <%d@x>\n" % n, 1))
                              for n, mail in enumerate(mails)).series  # fmt: skip
    return list(series.revisions[0].patches)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", ".")
    (tmp_path / "a.c").write_text(BODY)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "base")
    git(tmp_path, "branch", "base")
    return tmp_path


def summary(found: Comparison) -> list[tuple[int | None, int | None, str]]:
    rows = []
    for row in found.rows:
        words = [str(row.change)] + ["retitled"] * row.retitled + ["moved"] * row.moved
        words += ["same code"] * (row.same_code and bool(row.difference))
        rows.append((row.old and row.old.position, row.new and row.new.position, " ".join(words)))
    return rows


def test_patch_against_patch_says_what_git_says(folder: Path) -> None:
    old, new = commit(folder, "old", OLD), commit(folder, "new", NEW)
    text = git(folder, "range-diff", "--no-color", "base..old", "base..new").decode()
    ours, gits = compare(old, new), compare(old, new, text)
    assert summary(ours) == summary(gits) == [
        (3, 1, "same moved"),
        (1, 2, "changed same code"),
        (2, 3, "changed retitled"),
        (None, 4, "added"),
        (4, None, "dropped"),
    ]  # fmt: skip
    assert [row.difference for row in ours.rows] == [row.difference for row in gits.rows]
    assert ours.rows[2].difference == (
        "@@ Metadata\n Author: Ann <ann@example.org>\n \n  ## Commit message ##\n-    bpf: Second\n"
        "+    bpf: Second, renamed\n \n     Why the second.\n \n@@ a.c: int f8(void)\n"
        " +\treturn 99;\n +\t/* a line\n +\t * more\n-+\t * and more */\n++\t * and less */\n  }\n  \n  int f10(void)\n"
    )
    assert (ours.source, {row.source for row in ours.rows}) == (Source.PATCHES, {Source.PATCHES})
    assert (gits.source, {row.source for row in gits.rows}) == (Source.GIT, {Source.GIT})


def test_what_git_gives_up_on_is_compared_patch_against_patch(folder: Path) -> None:
    changed = ("bpf: First", "All else.\n" * 30, {"return 3;": "return 3 + 4 + 5 + 6;", "return 4;": "return 40;"})
    old, new = commit(folder, "old", OLD[:2]), commit(folder, "new", (changed, OLD[1]))
    text = git(folder, "range-diff", "--no-color", "base..old", "base..new").decode()
    assert "1:  " in text
    assert " > 1:  " in text
    found = compare(old, new, text)
    assert summary(found) == [(1, 1, "changed"), (2, 2, "same")]
    assert [row.source for row in found.rows] == [Source.PATCHES, Source.GIT]
    assert "+    All else.\n" in found.rows[0].difference
    gone = "1:  aaaaaaa < -:  ------- bpf: First\n-:  ------- > 1:  bbbbbbb bpf: First\n"
    assert compare(old[:1], new[:1], gone) == compare(old[:1], new[:1])


def test_a_range_diff_of_other_patches_is_not_used(folder: Path) -> None:
    old, new = commit(folder, "old", OLD), commit(folder, "new", NEW)
    text = git(folder, "range-diff", "--no-color", "base..old~", "base..new").decode()
    assert compare(old, new, text) == compare(old, new)
    assert compare(old, new, "nonsense\n") == compare(old, new)


def test_a_line_of_a_patch_is_never_taken_for_a_pair(folder: Path) -> None:
    forged = "1:  aaaaaaa = 4:  bbbbbbb forged"
    old = commit(folder, "old", [("One", "Why.", {"return 3;": forged})])
    new = commit(folder, "new", [("One", f"{forged}\n", {"return 3;": f"{forged}\n{forged}"})])
    text = git(folder, "range-diff", "--creation-factor=99", "--no-color", "base..old", "base..new").decode()
    assert forged in text
    assert summary(compare(old, new, text)) == [(1, 1, "changed")]


def test_much_to_compare_is_compared_briefly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.domain.comparison.MAX_WORK", 1)
    old, new = commit(folder, "old", OLD), commit(folder, "new", NEW)
    first, second = (row.difference for row in compare(old, new).rows if row.difference)
    assert "+    Acked-by: Rex" in first
    assert second == (
        "@@ Metadata\n Author: Ann <ann@example.org>\n \n  ## Commit message ##\n-    bpf: Second\n"
        "+    bpf: Second, renamed\n \n     Why the second.\n \n"
    )


def test_nothing_against_something(folder: Path) -> None:
    old = commit(folder, "old", OLD)
    assert summary(compare([], old[:1])) == [(None, 1, "added")]
    assert summary(compare(old[:1], [])) == [(1, None, "dropped")]
    assert compare([], []).rows == ()
