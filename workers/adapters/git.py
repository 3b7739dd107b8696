"""Kernel trees on this host: a bare repository each, worktrees beside it, patches applied with git-am(1).

The same patches on the same base give the same commit on every machine. Files that patches have not touched keep one
old mtime: make rebuilds just what a series changes, in whichever worktree it lies.
"""

import asyncio
import contextlib
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from app.config import TreeSettings
from app.errors import InfrastructureError, PatchDoesNotApplyError
from workers.adapters import git_store, locks
from workers.adapters.debian_source import SCHEME, import_source
from workers.adapters.git_command import QUICK, Git
from workers.adapters.git_output import batch, patch_ids, read_regular, spoken, wanting
from workers.ports import Base

FETCH = timedelta(hours=2)
FETCH_AGAIN_AFTER_S = 6 * 3600
WORKTREES = 4
ALL_TAKEN_PAUSE_S = 1.0
OLD_MTIME = 946_684_800  # 2000-01-01: before any object file
HUNK_BYTES = 20_000
HISTORY = 1000
"""Commits of a base that are looked at for a patch-id: those of some weeks in a busy tree."""
HISTORY_STEP = 100
HISTORY_OF_TITLES = 20_000
WALK = "walk "
"""Before the commit to which mtimes were settled, in the note on a worktree in which commits are stepped through."""
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_REJECT_FILES = 20


class Trees:
    """The kernel trees below one folder, `<name>.git` each, with up to four worktrees `<name>.<n>`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git = Git(home=folder)

    async def resolve(self, tree: TreeSettings, requested: str | None) -> Base:
        """Return `requested` (a `base-commit:`) where the tree has it, else the tree's default, with the reason.

        Raises:
            InfrastructureError: the tree cannot be fetched or its ref does not exist.
        """
        await self._ensure(tree)
        default = f"the default of tree {tree.name} ({tree.ref})"
        if requested is None:
            await self._refresh(tree)
            return Base(commit=await self._default(tree), reason=f"no base-commit line; {default}")
        if _COMMIT.fullmatch(requested):
            commit = await self._find(tree, requested)
            if commit is None:
                await self._refresh(tree, older_than_s=60)
                commit = await self._find(tree, requested)
            if commit:
                return Base(commit=commit, reason=f"base-commit line, found in tree {tree.name}")
            said = f"base-commit {requested[:12]} is not in tree {tree.name}"
        else:
            said = f"the base-commit line does not name a commit ({requested[:40]!r})"
        return Base(commit=await self._default(tree), reason=f"{said}; {default}")

    @contextlib.asynccontextmanager
    async def checkout(self, tree: TreeSettings, base: Base) -> AsyncIterator["Checkout"]:
        """Hold a worktree of `tree` at `base`, clean; waits while other runs hold all of them.

        Raises:
            InfrastructureError: git cannot make it or bring it to `base`.
        """
        await self._ensure(tree)
        with contextlib.ExitStack() as stack:
            source = await self._take(tree, base, stack)
            checkout = Checkout(git=self.git, repository=self._repository(tree), source=source, base=base)
            await checkout.clean()
            await git_store.keep(self.git, checkout.repository, base.commit)
            yield checkout

    async def tidy(self, tree: TreeSettings) -> None:
        """Pack what fetches and patches left loose in a tree's repository, where that is due; not while it is fetched.

        Raises:
            InfrastructureError: git cannot.
        """
        repository = self._repository(tree)
        with locks.try_lock(self.folder / f"{tree.name}.git.lock") as held:
            if held and repository.exists():
                await git_store.repack(self.git, repository)

    def _repository(self, tree: TreeSettings) -> Path:
        return self.folder / f"{tree.name}.git"

    async def _take(self, tree: TreeSettings, base: Base, stack: contextlib.ExitStack) -> Path:
        """Lock a worktree, one that is at `base` already where there is one."""
        while True:
            places = [self.folder / f"{tree.name}.{number}" for number in range(WORKTREES)]
            for place in sorted(places, key=lambda place: (_last_commit(place) != base.commit, place)):
                trial = contextlib.ExitStack()
                if trial.enter_context(locks.try_lock(place.with_name(place.name + ".lock"))):
                    stack.push(trial)
                    return place
                trial.close()
            await asyncio.sleep(ALL_TAKEN_PAUSE_S)

    async def _ensure(self, tree: TreeSettings) -> None:
        """Make the bare repository once a host; other workers wait for the one that does."""
        repository = self._repository(tree)
        if repository.exists():
            return
        async with locks.lock(self.folder / f"{tree.name}.git.lock"):
            if repository.exists():
                return
            new = self.folder / f"{tree.name}.new"
            await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
            if tree.url.startswith(SCHEME):
                await import_source(self.git, tree.url, new)
            else:
                words = ("clone", "--quiet", "--mirror", "--", tree.url, str(new))
                await self.git.must(*words, cwd=self.folder, wall=FETCH)
            new.rename(repository)

    async def _refresh(self, tree: TreeSettings, *, older_than_s: float = FETCH_AGAIN_AFTER_S) -> None:
        """Fetch, unless it was done lately or the tree is a package's source, which does not move."""
        repository = self._repository(tree)
        stamp = repository / "reroll-fetched"
        if tree.url.startswith(SCHEME):
            return
        async with locks.lock(self.folder / f"{tree.name}.git.lock"):
            if stamp.exists() and time.time() - stamp.stat().st_mtime < older_than_s:
                return
            git_store.drop_stale_locks(repository)
            words = ("fetch", "--quiet", "--prune", "--no-auto-gc", "origin", "+refs/heads/*:refs/heads/*")
            await self.git.must(*words, "+refs/tags/*:refs/tags/*", cwd=repository, wall=FETCH)
            stamp.touch()

    async def _find(self, tree: TreeSettings, name: str) -> str | None:
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        code, output = await self.git.run(*words, cwd=self._repository(tree))
        return output.decode().strip() if code == 0 else None

    async def _default(self, tree: TreeSettings) -> str:
        commit = await self._find(tree, tree.ref)
        if commit is None:
            raise InfrastructureError(
                f"tree {tree.name} ({tree.url}) has no ref {tree.ref!r}; correct it in the settings"
            )
        return commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A worktree at a base commit, held by one run."""

    git: Git
    repository: Path
    source: Path
    base: Base
    walked: set[str] = field(default_factory=set)

    async def clean(self) -> None:
        """Bring the worktree to the base, whatever state a run (killed perhaps) left it in.

        Raises:
            InfrastructureError: git cannot.
        """
        if not (self.source / ".git").is_file():
            await asyncio.to_thread(shutil.rmtree, self.source, ignore_errors=True)
            await self._git("worktree", "prune", cwd=self.repository)
            words = ("worktree", "add", "--quiet", "--force", "--detach", str(self.source), self.base.commit)
            await self._git(*words, cwd=self.repository, wall=FETCH)
            _remember_commit(self.source, "")
            await self._age(["."])
            _remember_commit(self.source, self.base.commit)
            return
        folder = await self._folder()
        for stale in (folder / "index.lock", folder / "HEAD.lock"):
            stale.unlink(missing_ok=True)  # the worktree is ours alone, so a killed git left it
        await asyncio.to_thread(shutil.rmtree, folder / "rebase-apply", ignore_errors=True)
        await self.to(self.base.commit)
        await self._git("clean", "-ffdxq")

    async def to(self, commit: str) -> None:
        """Check out `commit`; files as in the base get the old mtime, others one of now.

        Raises:
            InfrastructureError: git cannot.
        """
        settled, walked = _last_commit(self.source), tuple(self.walked)
        if settled.startswith(WALK):
            settled = settled.removeprefix(WALK) if walked else ""  # another process walked, and did not end
        _remember_commit(self.source, "")
        touched = list(walked) + await self._names("diff-index", "HEAD")
        touched += await self._names("diff-tree", "-r", "HEAD", commit)
        touched += await self._names("diff-tree", "-r", settled, commit) if settled else ["."]
        await self._git("reset", "--quiet", "--hard", commit)
        await self._age(touched)
        if commit != self.base.commit:
            changed = await self._names("diff-tree", "-r", "--diff-filter=d", self.base.commit, commit)
            await asyncio.to_thread(_set_mtimes, self.source, changed, time.time())
        self.walked.clear()
        _remember_commit(self.source, commit)

    async def step(self, commit: str) -> None:
        """Check out `commit` as one of several that are built one after the other in the same folder of objects.

        Only what differs from what was checked out before gets an mtime of now; `to` has to come in the end.

        Raises:
            InfrastructureError: git cannot.
        """
        before = _last_commit(self.source)
        if not before.startswith(WALK):
            _remember_commit(self.source, f"{WALK}{before}")
        changed = await self._names("diff-tree", "-r", "HEAD", commit)
        self.walked.update(changed)
        # Else git would write every file again whose mtime we have set; what it does write has an mtime of now.
        await self.git.run("update-index", "-q", "--refresh", cwd=self.source)
        await self._git("reset", "--quiet", "--hard", commit)

    async def below(self, commit: str, base: str) -> tuple[str, ...]:
        """Return the commits that lead from `base` (not included) to `commit` (included), the first of them first."""
        output = await self._git("rev-list", "--reverse", "--first-parent", f"{base}..{commit}")
        return tuple(output.decode().split())

    async def head(self) -> str:
        """Return the commit checked out, 40 hex digits."""
        return (await self._git("rev-parse", "HEAD")).decode().strip()

    async def changed(self) -> tuple[str, ...]:
        """Return the paths that differ between the base and what is checked out, deleted ones included."""
        return tuple(await self._names("diff-tree", "-r", self.base.commit, await self.head()))

    async def files(self, folder: str, *, commit: str = "HEAD") -> tuple[str, ...]:
        """Return the paths of the files and symlinks below `folder` in `commit`; none if it is itself a symlink."""
        output = await self._git("ls-tree", "-r", "-z", "--full-tree", commit, "--", f"{folder}/")
        entries = [line.partition(b"\t") for line in output.split(b"\0") if line]
        return tuple(os.fsdecode(path) for mode, _, path in entries if mode.startswith((b"100", b"120")))

    async def texts(self, paths: Sequence[str], *, commit: str = "HEAD") -> dict[str, str]:
        """Return the texts of `paths` as committed: never through a symlink that a patch put into the worktree."""
        wanted = [path for path in paths if "\n" not in path]
        request = "".join(f"{commit}:{path}\n" for path in wanted)
        output = await self._git("cat-file", "--batch", stdin=request.encode("utf-8", "surrogateescape"))
        return dict(zip(wanted, batch(output), strict=True))

    async def am(self, mails: Sequence[bytes]) -> str:
        """Apply the mails in order with `git am --3way`; return the commit of the result.

        Raises:
            PatchDoesNotApplyError: git refused one; the worktree is back where it was.
            InfrastructureError: git could not be run, or wanted for room or memory.
        """
        before = await self.head()
        for position, mail in enumerate(mails, start=1):
            words = (
                "am",
                "--quiet",
                "--3way",
                "--no-gpg-sign",
                "--committer-date-is-author-date",
                "--patch-format=mboxrd",
            )
            code, output = await self.git.run(*words, cwd=self.source, stdin=_mboxrd(mail))
            if code != 0:
                trouble = wanting(spoken(output))
                if trouble or code < 0:
                    raise InfrastructureError(f"git am could not do its work in {self.source}: {trouble or code}")
                hunk = await self._rejected()
                await self.clean()
                await self.to(before)
                raise PatchDoesNotApplyError(
                    position=position, total=len(mails), base=self.base.commit, git_said=spoken(output), hunk=hunk
                )
        await self.to(after := await self.head())
        return after

    async def holds(self, diff: str) -> bool:
        """Tell whether what a diff (or several, one after the other) does is done in what is checked out.

        That is so where it can be undone, as git-apply(1) `--reverse` has it; nothing is changed.
        """
        words = ("apply", "--check", "--cached", "--reverse", "-")
        code, _ = await self.git.run(*words, cwd=self.source, stdin=diff.encode("utf-8", "surrogateescape"))
        return code == 0

    async def commits_of(self, wanted: Collection[str]) -> dict[str, str]:
        """Return commits by patch-id (git-patch-id(1) `--stable`), of those wanted that the base's last 1,000 have."""
        found: dict[str, str] = {}
        for skip in range(0, HISTORY, HISTORY_STEP):
            if len(found) == len(wanted):
                break
            words = ("log", "-p", "--no-merges", "--no-textconv", "--no-ext-diff", f"--skip={skip}")
            try:
                diffs = await self._git(*words, f"--max-count={HISTORY_STEP}", self.base.commit)
            except InfrastructureError:  # a commit larger than we read; what it does is not what a mail could hold
                continue
            if not diffs:
                break
            known = patch_ids(await self._git("patch-id", "--stable", stdin=diffs))
            found |= {one: known[one] for one in wanted if one in known}
        return found

    async def commits_called(self, titles: Collection[str]) -> dict[str, str]:
        """Return commits by title (the subject line), of those wanted that the base's last 20,000 have."""
        words = ("log", "--no-merges", "--format=%H %s", f"--max-count={HISTORY_OF_TITLES}", self.base.commit)
        lines = (await self._git(*words)).decode("utf-8", "replace").splitlines()
        named = ((title, commit) for commit, _, title in (line.partition(" ") for line in reversed(lines)))
        return {title: commit for title, commit in named if title in titles}

    async def _rejected(self) -> str:
        """Return the hunks that do not fit, as git-apply's `--reject` leaves them; "" where it cannot tell."""
        code, diff = await self.git.run("am", "--show-current-patch=diff", cwd=self.source)
        if code != 0 or not diff.strip():
            return ""
        await self._git("reset", "--quiet", "--hard", "HEAD")
        await self.git.run("apply", "--reject", "--whitespace=nowarn", "-", cwd=self.source, stdin=diff)
        output = await self._git("ls-files", "-z", "--others", "--", "*.rej")
        names = [os.fsdecode(name) for name in output.split(b"\0") if name]
        texts = [read_regular(self.source / name, HUNK_BYTES) for name in names[:_REJECT_FILES]]
        return "".join(texts)[:HUNK_BYTES]

    async def _git(
        self, *words: str, cwd: Path | None = None, stdin: bytes | None = None, wall: timedelta = QUICK
    ) -> bytes:
        return await self.git.must(*words, cwd=cwd or self.source, stdin=stdin, wall=wall)

    async def _folder(self) -> Path:
        """Where git keeps this worktree's state."""
        return Path((await self._git("rev-parse", "--absolute-git-dir")).decode().strip())

    async def _names(self, *words: str) -> list[str]:
        command, *rest = words
        output = await self._git(command, "--name-only", "-z", "--no-renames", *rest)
        return [os.fsdecode(name) for name in output.split(b"\0") if name]

    async def _age(self, names: Sequence[str]) -> None:
        """Give files ("." stands for all) the old mtime: none but those checked out.

        Another name may lie behind what was a folder and is a symlink of a patch now, out of the worktree.
        """
        output = await self._git("ls-files", "-z")
        tracked = [os.fsdecode(name) for name in output.split(b"\0") if name]
        names = tracked if "." in names else sorted(set(names).intersection(tracked))
        await asyncio.to_thread(_set_mtimes, self.source, names, OLD_MTIME)
        if names:
            # Else the next diff-index would take every file whose mtime we set for changed.
            await self.git.run("update-index", "-q", "--refresh", cwd=self.source)


def _set_mtimes(source: Path, names: Sequence[str], seconds: float) -> None:
    for name in names:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.utime(source / name, (seconds, seconds), follow_symlinks=False)


def _mboxrd(mail: bytes) -> bytes:
    """Return the mail as an mbox of one, so that no line of its body can begin a second mail."""
    quoted = re.sub(rb"^(>*From )", rb">\1", mail, flags=re.MULTILINE)
    return b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + quoted + (b"" if quoted.endswith(b"\n") else b"\n")


def _note(worktree: Path) -> Path:
    return worktree.with_name(worktree.name + ".commit")


def _last_commit(worktree: Path) -> str:
    """The commit to which the worktree's mtimes were last settled; "" if unknown."""
    try:
        return _note(worktree).read_text()
    except FileNotFoundError:
        return ""


def _remember_commit(worktree: Path, commit: str) -> None:
    _note(worktree).write_text(commit)
