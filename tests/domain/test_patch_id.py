"""Our patch-id is git's."""

from pathlib import Path

from app.domain.diff import extract_diff
from app.domain.patch_id import patch_id
from tests.domain.repository import everything_changed, git
from tests.domain.threads import change


def test_the_patch_id_is_gits(tmp_path: Path) -> None:
    patch = everything_changed(tmp_path)
    said = git(tmp_path, "patch-id", "--stable", stdin=patch.encode()).decode().split(" ")[0]
    found = extract_diff(patch)
    assert found is not None
    assert patch_id(found.text) == said
    text_only = git(tmp_path, "diff", "HEAD~", "--", "*.c", "*.sh").decode()
    assert patch_id(text_only) == git(tmp_path, "patch-id", "--stable", stdin=text_only.encode()).decode().split(" ")[0]


def test_a_patch_id_does_not_change_with_place_or_order() -> None:
    one, two = change("a"), change("b")
    assert patch_id(one + two) == patch_id(two + one) == patch_id((one + two).replace("-10,3 +10,7", "-99,3 +99,7"))
    assert patch_id(one) != patch_id(change("a", salt="_x"))
    assert patch_id("no diff") == ""
