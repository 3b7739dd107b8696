import subprocess
from pathlib import Path

import pytest

from app.config import TreeSettings
from workers.adapters import debian_source
from workers.adapters.git import Trees

pytestmark = pytest.mark.anyio


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package's archive as Debian makes them, with files that .gitignore would leave out."""
    source = tmp_path / "src" / "linux-source-9.9"
    (source / "scripts").mkdir(parents=True)
    (source / ".gitignore").write_text("*.o\nignored\n")
    (source / "ignored").write_text("kept all the same\n")
    (source / "scripts" / "run.sh").write_text("#!/bin/sh\n")
    (source / "scripts" / "run.sh").chmod(0o755)
    (source / "link").symlink_to("scripts/run.sh")
    archive = tmp_path / "linux-source-9.9.tar.xz"
    subprocess.run(["tar", "-C", str(source.parent), "-cJf", str(archive), source.name], check=True)
    monkeypatch.setattr(debian_source, "_archive", lambda _package: archive)
    return "debian:linux-source-9.9"


async def test_package_becomes_one_commit_the_same_everywhere(package, tmp_path):
    tree = TreeSettings(name="linux-9.9", url=package)
    commits = set()
    for home in ("a", "b"):
        trees = Trees(tmp_path / home)
        base = await trees.resolve(tree, None)
        commits.add(base.commit)
        async with trees.checkout(tree, base) as checkout:
            assert (checkout.source / "ignored").read_text() == "kept all the same\n"
            assert (checkout.source / "scripts" / "run.sh").stat().st_mode & 0o100
            assert (checkout.source / "link").is_symlink()
            message = await trees.git.must("log", "--format=%an %s", cwd=checkout.source)
        assert message == b"Reroll linux-source-9.9 of unknown version\n"
        assert {
            path.name for path in (tmp_path / home).iterdir() if path.name.startswith(("unpack", "linux-9.9.new"))
        } == set()
    assert len(commits) == 1
