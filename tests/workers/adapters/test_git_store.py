"""git for real: what is packed, and that nothing is lost by it."""

import pytest

from app.config import TreeSettings
from tests.workers.doubles import git, make_tree
from workers.adapters import git_store, locks
from workers.adapters.git import Trees
from workers.ports import Base

pytestmark = pytest.mark.anyio
MANY = 1000
"""git guesses how many loose objects there are by one of their 256 folders, so some hundreds it has to be."""


def loose_objects(repository) -> int:
    return int(git(repository, "count-objects").split()[0])


@pytest.fixture
def tree(tmp_path) -> TreeSettings:
    return make_tree(tmp_path / "upstream")


@pytest.fixture
def trees(tmp_path) -> Trees:
    return Trees(tmp_path / "trees")


@pytest.fixture
def repository(trees):
    return trees.folder / "small.git"


async def base_of(trees, tree) -> Base:
    return await trees.resolve(tree, None)


@pytest.fixture
def soon(monkeypatch) -> None:
    """Let git pack what it would leave as it is otherwise: thousands of files take seconds to make."""
    monkeypatch.setattr(git_store, "_OPTIONS", (*git_store._OPTIONS, "gc.auto=1"))


def grow(folder) -> None:
    for number in range(MANY):
        (folder / f"{number}.txt").write_text(f"{number}\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "much")


async def test_loose_objects_are_packed_where_there_are_many(soon, trees, tree, tmp_path, repository):
    grow(tmp_path / "upstream")
    base = await base_of(trees, tree)
    async with trees.checkout(tree, base) as checkout:
        assert loose_objects(repository) > MANY
        (repository / "packed-refs.lock").touch()  # of a git that was killed
        await trees.tidy(tree)
        assert loose_objects(repository) == 0
        assert await checkout.head() == base.commit
        await checkout.clean()


async def test_a_few_loose_objects_are_left_alone(trees, tree, repository):
    await base_of(trees, tree)
    before = loose_objects(repository)
    await trees.tidy(tree)
    assert loose_objects(repository) == before > 0


async def test_nothing_is_packed_while_another_fetches_nor_where_there_is_no_tree(
    soon, trees, tree, tmp_path, repository
):
    await trees.tidy(tree)
    assert not repository.exists()
    grow(tmp_path / "upstream")
    await base_of(trees, tree)
    with locks.try_lock(trees.folder / "small.git.lock") as held:
        assert held
        await trees.tidy(tree)
    assert loose_objects(repository) > MANY


async def test_the_base_of_a_run_outlives_the_tree_that_was_rebased(trees, tree, tmp_path, repository):
    upstream = tmp_path / "upstream"
    git(upstream, "commit", "-q", "--allow-empty", "-m", "to be rebased")
    old = await base_of(trees, tree)
    async with trees.checkout(tree, old):
        pass
    git(upstream, "commit", "-q", "--amend", "--allow-empty", "-m", "rebased")
    (repository / "reroll-fetched").unlink(missing_ok=True)
    new = await base_of(trees, tree)
    async with trees.checkout(tree, new):
        pass
    assert old.commit != new.commit
    for words in (("reflog", "expire", "--expire=now", "--all"), ("gc", "--quiet", "--prune=now")):
        git(repository, *words)
    async with trees.checkout(tree, old) as checkout:
        assert await checkout.head() == old.commit
