"""What a recipe says of a run, and what it keeps to itself."""

import pytest
from sqlalchemy.orm import Session

from app.config import LoreSettings, ProfileSettings, Settings, TreeSettings
from app.db.models import Revision, Run
from app.domain.outcome import Step
from app.report.reproduce import Recipe
from app.services.reproducing import PublicSource, load_recipe, public_source
from tests import factories as make

SETTINGS = Settings(
    public_url="https://reroll.example.org/",
    lore=LoreSettings(origin="https://lore.kernel.org/bpf/"),
    trees=(
        TreeSettings(name="bpf-next", url="https://me:secret@git.example.org/bpf-next.git", ref="refs/heads/master"),
    ),
    profiles={"bpf-quick": ProfileSettings(cpus=3, memory_mb=1024)},
)


def recipe_of(session: Session, run: Run, revision: Revision | None = None) -> Recipe:
    make.add_log(session, make.add_step(session, run, Step.BUILD), "config", b"CONFIG_BPF=y\n")
    recipe = load_recipe(session, SETTINGS, run, revision)
    assert recipe is not None
    return recipe


def test_a_run_of_a_revision(session: Session) -> None:
    revision = make.add_revision(session, make.add_series(session), "v3", thread=make.add_thread(session))
    run = make.add_run(session, revision)
    recipe = recipe_of(session, run, revision)
    assert (recipe.root_id, recipe.version) == (revision.root_id, 3)
    assert (recipe.tree_url, recipe.tree_ref) == ("https://git.example.org/bpf-next.git", "refs/heads/master")
    assert recipe.config_url.startswith("https://reroll.example.org/api/v1/steps/")
    assert (recipe.archive, recipe.cpus, recipe.memory_mb) == ("https://lore.kernel.org/bpf", 3, 1024)
    assert recipe.toolchain == "gcc 12.2.0, clang 19.1.7, pahole 1.24"
    assert recipe.url == f"https://reroll.example.org/runs/{run.id}"


def test_a_baseline_and_a_profile_that_is_no_more(session: Session) -> None:
    recipe = recipe_of(session, make.add_run(session, profile="gone"))
    assert (recipe.root_id, recipe.cpus) == ("", ProfileSettings().cpus)


def test_the_profile_is_that_of_the_run_whatever_the_settings_say_by_now(session: Session) -> None:
    executed = ProfileSettings(cpus=4, memory_mb=777).model_dump(mode="json")
    recipe = recipe_of(session, make.add_run(session, evidence={"profile": executed}))
    assert (recipe.cpus, recipe.memory_mb) == (4, 777)
    odd = recipe_of(session, make.add_run(session, evidence={"profile": {"cpus": "many"}}))
    assert (odd.cpus, odd.memory_mb) == (3, 1024)


def test_where_nothing_was_built_there_is_nothing_to_show_again(session: Session) -> None:
    assert load_recipe(session, SETTINGS, make.add_run(session), None) is None


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("debian:linux-source-6.12", PublicSource(package="linux-source-6.12")),
        ("git://git.example.org/x.git", PublicSource(url="git://git.example.org/x.git", ref="HEAD")),
        ("/srv/trees/private", PublicSource()),
        ("file:///srv/trees/private", PublicSource()),
        ("git@example.org:private.git", PublicSource()),
    ],
)
def test_no_path_and_no_password_of_this_host_is_told(url: str, source: PublicSource) -> None:
    known = SETTINGS.model_copy(update={"trees": (TreeSettings(name="x", url=url),)})
    assert public_source(known, "x") == source
    assert public_source(known, "unknown") == PublicSource()
