"""What it takes to see a run's failures again elsewhere."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.config import ProfileSettings, Settings
from app.db.models import Revision, Run, Test
from app.db.queries.logs import step_with_log
from app.db.queries.outputs import find_test
from app.errors import NotFoundError
from app.report.reproduce import Recipe

DEBIAN = "debian:"
TOOLS = ("gcc", "clang", "lld", "pahole")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSource:
    """Where others get a tree: a git URL without credentials and a ref; or Debian's package; or all "": nowhere."""

    url: str = ""
    ref: str = ""
    package: str = ""


def public_source(settings: Settings, tree: str) -> PublicSource:
    """Return where others get a tree; no path of this host."""
    known = next((one for one in settings.trees if one.name == tree), None)
    if known is None:
        return PublicSource()
    if known.url.startswith(DEBIAN):
        return PublicSource(package=known.url.removeprefix(DEBIAN))
    parts = urlsplit(known.url)
    if parts.scheme not in {"http", "https", "git"} or not parts.hostname:
        return PublicSource()
    return PublicSource(url=parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), ref=known.ref)


def config_url(session: Session, settings: Settings, run: Run) -> str:
    """Return where the kernel's configuration is kept: the run's own, or where it was not built, its baseline's."""
    for run_id in (run.id, run.baseline_id):
        step_id = None if run_id is None else step_with_log(session, run_id, "config")
        if step_id is not None:
            return f"{settings.public_url.rstrip('/')}/api/v1/steps/{step_id}/logs/config"
    return ""


def stored_profile(stored: object) -> ProfileSettings | None:
    """Return the profile that a run was executed with, as its evidence has it; None for a run of an older version."""
    try:
        return ProfileSettings.model_validate(stored) if stored else None
    except ValidationError:
        return None


def load_recipe(session: Session, settings: Settings, run: Run, revision: Revision | None) -> Recipe | None:
    """Return what a run of a revision (None: a baseline) was made of; None where no kernel was built."""
    config = config_url(session, settings, run)
    if not config:
        return None
    source = public_source(settings, run.tree)
    profile = stored_profile(run.told.get("profile")) or settings.profiles.get(run.profile) or ProfileSettings()
    here = settings.public_url.rstrip("/")
    return Recipe(
        run_id=run.id,
        root_id=revision.root_id if revision else "",
        version=revision.version if revision else 0,
        archive=settings.lore.origin.rstrip("/"),
        tree_url=source.url,
        tree_ref=source.ref,
        package=source.package,
        base_commit=run.base_commit,
        first=tuple(run.applied_first),
        config_url=config,
        cpus=profile.cpus,
        memory_mb=profile.memory_mb,
        toolchain=", ".join(f"{tool} {run.toolchain[tool]}" for tool in TOOLS if tool in run.toolchain),
        url=f"{here}/runs/{run.id}",
    )


def known_test(session: Session, suite: str, name: str) -> Test:
    """Return a test by suite and name.

    Raises:
        NotFoundError: no run ever had it.
    """
    found = find_test(session, suite, name)
    if found is None:
        raise NotFoundError(f"no run has had a test {name!r} in {suite!r}")
    return found
