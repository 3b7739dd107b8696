"""`debian:linux-source-6.12` -> a bare git repository with one commit, the same on every machine.

Debian's package holds the unpacked kernel with Debian's patches as /usr/src/<package>.tar.xz. Identity and date of the
commit are fixed, so its hash follows from the package's content and version alone.
"""

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from app.errors import InfrastructureError
from workers.adapters import process

SCHEME = "debian:"
UNPACK = timedelta(minutes=20)
_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


class _Git(Protocol):
    async def must(self, *words: str, cwd: Path, stdin: bytes | None = None, wall: timedelta = UNPACK) -> bytes: ...


async def import_source(git: _Git, url: str, repository: Path) -> None:
    """Make the bare repository `repository` from the package that `url` names; HEAD is its one commit.

    Raises:
        InfrastructureError: the package is not installed or cannot be unpacked.
    """
    package = url.removeprefix(SCHEME)
    archive = _archive(package)
    version = await _package_version(package)
    repository.parent.mkdir(parents=True, exist_ok=True)
    source = Path(tempfile.mkdtemp(dir=repository.parent, prefix="unpack-"))
    try:
        words = ["tar", "--extract", "--no-same-owner", "--strip-components=1", "--file", str(archive)]
        code, said = await process.capture(words, wall=UNPACK, env=_ENV, cwd=source)
        if code != 0:
            raise InfrastructureError(f"cannot unpack {archive}; tar said: {said[-2000:].decode(errors='replace')}")
        await _commit(git, source, repository, message=f"{package} {version}\n")
    finally:
        shutil.rmtree(source, ignore_errors=True)


def _archive(package: str) -> Path:
    archive = Path(f"/usr/src/{package}.tar.xz")
    if "/" in package or not archive.is_file():
        raise InfrastructureError(
            f"tree debian:{package}: there is no {archive}; install it: apt-get install {package}"
        )
    return archive


async def _package_version(package: str) -> str:
    words = ["dpkg-query", "--show", "--showformat=${Version}", package]
    code, output = await process.capture(words, wall=timedelta(seconds=30), env=_ENV)
    return output.decode().strip() if code == 0 else "of unknown version"


async def _commit(git: _Git, source: Path, repository: Path, *, message: str) -> None:
    await git.must("init", "--quiet", "--bare", "--initial-branch=main", str(repository), cwd=repository.parent)
    place = (f"--git-dir={repository}", f"--work-tree={source}")
    await git.must(*place, "add", "--all", "--force", ".", cwd=source, wall=UNPACK)
    tree = (await git.must(*place, "write-tree", cwd=source)).decode().strip()
    fixed = b"Reroll <reroll@localhost> 0 +0000"
    raw = b"tree %s\nauthor %s\ncommitter %s\n\n%s" % (tree.encode(), fixed, fixed, message.encode())
    words = ("hash-object", "-t", "commit", "-w", "--stdin")
    commit = (await git.must(*place, *words, cwd=source, stdin=raw)).decode().strip()
    await git.must(*place, "update-ref", "refs/heads/main", commit, cwd=source)
    (repository / "index").unlink(missing_ok=True)
