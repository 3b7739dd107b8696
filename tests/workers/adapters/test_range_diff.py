"""git range-diff for real, on what git am made of mails."""

import subprocess
from datetime import timedelta

import pytest

from app.errors import InfrastructureError
from tests.workers.adapters.upstream import ENV, LINES, Upstream
from workers.adapters import range_diff as adapter
from workers.adapters.git import Trees
from workers.adapters.range_diff import Differ
from workers.ports import Span

pytestmark = pytest.mark.anyio


@pytest.fixture
def upstream(tmp_path):
    return Upstream(tmp_path / "upstream")


@pytest.fixture
def trees(tmp_path):
    return Trees(tmp_path / "trees")


async def applied(upstream, trees, mails):
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        return checkout, Span(below=base.commit, commit=await checkout.am(mails))


async def two_versions(upstream, trees):
    first, second = upstream.series()
    _, old = await applied(upstream, trees, [first, second])
    changed = second.replace(b"line thirty\n", b"line 3O\n")
    checkout, new = await applied(upstream, trees, [changed, first])
    return checkout, old, new


def by_hand(folder, *spans):
    words = ["git", "-c", "safe.directory=*", "range-diff", "--no-color", *spans]
    return subprocess.run(words, cwd=folder, env=ENV, check=True, capture_output=True, text=True).stdout


async def test_it_says_what_git_says(upstream, trees):
    checkout, old, new = await two_versions(upstream, trees)
    said = await Differ(trees.git).range_diff(checkout.source, old, new)
    spans = [f"{one.below}..{one.commit}" for one in (old, new)]
    assert said == by_hand(checkout.source, *spans)
    assert [line.split()[0:4:3] for line in said.splitlines() if line[0] != " "] == [["2:", "1:"], ["1:", "2:"]]
    assert "    -+line thirty\n    ++line 3O\n" in said
    assert (checkout.source / "a.c").read_text() == LINES.replace("line 3\n", "line three\n").replace(
        "line 30\n", "line 3O\n"
    )


async def test_a_commit_that_this_host_does_not_have(upstream, trees):
    checkout, old, _ = await two_versions(upstream, trees)
    elsewhere = Span(below=old.below, commit="1" * 40)
    assert await Differ(trees.git).range_diff(checkout.source, elsewhere, old) is None
    assert await Differ(trees.git).range_diff(checkout.source, old, elsewhere) is None


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MOST_PAIRS", 3, "4 pairs of commits: too many"),
        ("MOST_BYTES", 100, "too many to keep"),
        ("WALL", timedelta(0), "time limit"),
    ],
)
async def test_it_is_bounded(upstream, trees, monkeypatch, limit, value, words):
    checkout, old, new = await two_versions(upstream, trees)
    monkeypatch.setattr(adapter, limit, value)
    with pytest.raises(InfrastructureError, match=words):
        await Differ(trees.git).range_diff(checkout.source, old, new)
