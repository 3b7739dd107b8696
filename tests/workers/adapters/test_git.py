"""git for real, on a small repository."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from app.config import TreeSettings
from app.domain.patch_id import patch_id
from app.errors import InfrastructureError, PatchDoesNotApplyError
from tests.workers.adapters.upstream import LINES, Upstream
from workers.adapters import git as adapter
from workers.adapters.git import OLD_MTIME, Trees
from workers.ports import Base

pytestmark = [pytest.mark.anyio, pytest.mark.tools]


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return Upstream(tmp_path / "upstream")


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path / "trees")


async def test_base_commit_is_used_where_the_tree_has_it(upstream, trees):
    upstream.write("a.c", "other\n")
    tip = upstream.commit("second")
    assert (await trees.resolve(upstream.tree, upstream.base)).commit == upstream.base
    assert (await trees.resolve(upstream.tree, upstream.base)).reason == "base-commit line, found in tree t"
    found = await trees.resolve(upstream.tree, None)
    assert (found.commit, found.reason) == (tip, "no base-commit line; the default of tree t (master)")


async def test_base_commit_that_came_later_is_fetched(upstream, trees, monkeypatch):
    await trees.resolve(upstream.tree, upstream.base)
    upstream.write("a.c", "later\n")
    later = upstream.commit("later")
    assert (await trees.resolve(upstream.tree, later)).commit == later


@pytest.mark.parametrize("requested", ["1" * 40, "not-a-commit", "master", "--help", "a" * 41])
async def test_base_commit_of_no_use_says_so_and_gives_the_default(upstream, trees, requested):
    found = await trees.resolve(upstream.tree, requested)
    assert found.commit == upstream.base
    assert requested[:12] in found.reason
    assert found.reason.endswith("; the default of tree t (master)")


async def test_unknown_ref_and_unknown_url_are_our_trouble(upstream, trees):
    with pytest.raises(InfrastructureError, match=r"tree t .* has no ref 'nope'"):
        await trees.resolve(upstream.tree.model_copy(update={"ref": "nope"}), None)
    absent = TreeSettings(name="absent", url=str(upstream.folder / "nowhere"))
    with pytest.raises(InfrastructureError, match=r"git clone .*nowhere"):
        await trees.resolve(absent, None)
    package = TreeSettings(name="package", url="debian:linux-source-0.1")
    with pytest.raises(InfrastructureError, match=r"apt-get install linux-source-0\.1"):
        await trees.resolve(package, None)


async def test_series_applies_in_order_and_its_commit_is_the_same_everywhere(upstream, trees, tmp_path):
    mails = upstream.series()
    base = await trees.resolve(upstream.tree, None)
    commits = set()
    for home in (trees, trees, Trees(tmp_path / "elsewhere")):
        await home.resolve(upstream.tree, None)
        async with home.checkout(upstream.tree, base) as checkout:
            commits.add(await checkout.am(mails))
            assert "line three" in (checkout.source / "a.c").read_text()
            assert "line thirty" in (checkout.source / "a.c").read_text()
            assert await checkout.changed() == ("a.c",)
    assert len(commits) == 1


async def test_refused_patch_is_named_with_gits_words_and_the_hunk_and_leaves_the_base(upstream, trees):
    good, bad = upstream.series()
    bad = bad.replace(b" line 29\n", b" line twenty-nine\n")
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        with pytest.raises(PatchDoesNotApplyError) as caught:
            await checkout.am([good, bad, good])
        assert caught.value.position == 2
        assert str(caught.value).startswith(f"patch 2/3 does not apply to {base.commit[:12]}; git said: ")
        assert "a.c" in caught.value.git_said
        assert "git am --continue" not in caught.value.git_said
        assert "+line thirty\n" in caught.value.hunk
        assert "line three" not in caught.value.hunk
        assert await checkout.head() == base.commit
        assert (checkout.source / "a.c").read_text() == LINES
        assert {path.name for path in checkout.source.iterdir()} == {".git", "a.c", "sub"}
        assert await checkout.am([good]) != base.commit


async def test_what_is_no_patch_is_refused_as_the_series_fault(upstream, trees):
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        for mail in (b"", b"Subject: hello\n\nno diff here\n", b"\0\xff" * 1000):
            with pytest.raises(PatchDoesNotApplyError):
                await checkout.am([mail])
            assert await checkout.head() == base.commit


async def test_patch_that_fits_only_by_three_way_merge_applies(upstream, trees):
    mails = upstream.series()
    upstream.write("a.c", "new first line\n" + LINES.replace("line 1\n", "line ONE\n"))
    moved = upstream.commit("moved")
    async with trees.checkout(upstream.tree, Base(commit=moved, reason="")) as checkout:
        await checkout.am(mails)
        text = (checkout.source / "a.c").read_text()
    assert "new first line\n" in text
    assert "line ONE\n" in text
    assert "line three\n" in text


async def test_a_from_line_in_the_text_does_not_begin_another_mail(upstream, trees):
    upstream.write("a.c", LINES + "end\n")
    upstream.commit("subject", "From 1234567890 Mon Sep 17 00:00:00 2001\nstill the text\n>From here too")
    [mail] = upstream.mails(upstream.base)
    assert b"\nFrom 1234567890" in mail
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        await checkout.am([mail])
        assert (checkout.source / "a.c").read_text().endswith("end\n")
        message = (await trees.git.must("log", "-1", "--format=%B", cwd=checkout.source)).decode()
    assert "\nFrom 1234567890 Mon Sep 17 00:00:00 2001\nstill the text\n>From here too" in message


def patch(diff: str) -> bytes:
    head = "From: A <a@x>\nDate: Tue, 14 Nov 2023 22:13:20 +0000\nSubject: [PATCH] evil\n\n---\n"
    return f"{head}{diff}-- \n2.40\n".encode()


NEW = "diff --git a/{0} b/{0}\nnew file mode {1}\n--- /dev/null\n+++ b/{0}\n@@ -0,0 +1 @@\n+{2}\n"


@pytest.mark.parametrize(
    "path", ["../outside", ".git/hooks/post-checkout", "x/../../outside", "/var/tmp/outside", ".GIT/x"]
)
async def test_patches_that_leave_the_worktree_are_refused(upstream, trees, path):
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        with pytest.raises(PatchDoesNotApplyError):
            await checkout.am([patch(NEW.format(path, "100755", "touch /tmp/x"))])
    assert not list(trees.folder.rglob("outside"))
    assert not list(trees.folder.rglob("post-checkout"))


async def test_a_patch_cannot_write_through_its_own_link(upstream, trees, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    link = patch(NEW.format("way", "120000", target) + "\\ No newline at end of file\n")
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        await checkout.am([link])
        assert (checkout.source / "way").is_symlink()
        with pytest.raises(PatchDoesNotApplyError) as caught:
            await checkout.am([patch(NEW.format("way/x", "100644", "x"))])
        assert caught.value.position == 1
    assert list(target.iterdir()) == []


async def test_rejected_hunks_are_not_written_through_a_patchs_link(upstream, trees, tmp_path):
    """Old versions of git did (CVE-2023-25652)."""
    target = tmp_path / "target"
    target.write_text("of the host\n")
    link = patch(NEW.format("a.c.rej", "120000", target) + "\\ No newline at end of file\n")
    upstream.write("a.c", LINES.replace("line 3\n", "line three\n"))
    upstream.commit("one")
    (mail,) = upstream.mails(upstream.base)
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        with pytest.raises(PatchDoesNotApplyError) as caught:
            await checkout.am([link, mail.replace(b" line 2\n", b" no such line\n")])
    assert caught.value.position == 2
    assert target.read_text() == "of the host\n"


async def test_committed_texts_are_read_and_never_through_links(upstream, trees):
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        (checkout.source / "sub").rename(checkout.source / "gone")
        (checkout.source / "sub").symlink_to("/etc")
        assert await checkout.files("sub") == ("sub/b.c",)
        texts = await checkout.texts(["sub/b.c", "sub", "sub/passwd", "a.c", "with\nnewline"])
    assert texts == {"sub/b.c": LINES, "sub": "", "sub/passwd": "", "a.c": LINES}


async def test_no_hook_runs_and_no_configuration_of_the_user_is_read(upstream, trees, tmp_path, monkeypatch):
    mails = upstream.series()
    base = await trees.resolve(upstream.tree, None)
    ran = tmp_path / "ran"
    hook = f"#!/bin/sh\ntouch {ran}\n"
    for name in (
        "applypatch-msg",
        "pre-applypatch",
        "post-applypatch",
        "post-checkout",
        "pre-commit",
        "reference-transaction",
    ):
        path = trees.folder / "t.git" / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(hook)
        path.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[core]\n\tfsmonitor = touch {ran}\n[user]\n\tname = Somebody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Else")
    async with trees.checkout(upstream.tree, base) as checkout:
        await checkout.am(mails)
        who = await trees.git.must("log", "-1", "--format=%cn %an %cI", cwd=checkout.source)
    assert who.decode().strip() == "Reroll Ann 2023-11-14T23:13:20+01:00"
    assert not ran.exists()


async def test_only_what_a_series_touches_looks_new_to_make(upstream, trees):
    mails = upstream.series()
    base = await trees.resolve(upstream.tree, None)

    def times(source: Path) -> dict[str, bool]:
        return {name: (source / name).stat().st_mtime == OLD_MTIME for name in ("a.c", "sub/b.c")}

    async with trees.checkout(upstream.tree, base) as checkout:
        assert times(checkout.source) == {"a.c": True, "sub/b.c": True}
        patched = await checkout.am(mails)
        assert times(checkout.source) == {"a.c": False, "sub/b.c": True}
        await checkout.to(base.commit)
        assert times(checkout.source) == {"a.c": True, "sub/b.c": True}
        await checkout.to(patched)
        assert times(checkout.source) == {"a.c": False, "sub/b.c": True}
        (checkout.source / "sub" / "b.c").write_text("left by something\n")
    async with trees.checkout(upstream.tree, base) as checkout:
        assert times(checkout.source) == {"a.c": True, "sub/b.c": True}
        assert (checkout.source / "sub" / "b.c").read_text() == LINES


async def test_stepping_makes_look_new_what_differs_from_the_step_before(upstream, trees):
    """Also what is as on the base again: an object of the step before is newer than the base's mtime."""
    upstream.write("a.c", "int first;\n")
    upstream.commit("one")
    upstream.write("sub/b.c", "int second;\n")
    upstream.commit("two")
    mails = upstream.mails(upstream.base)
    base = await trees.resolve(upstream.tree, upstream.base)

    def new(checkout, since):
        return {name for name in ("a.c", "sub/b.c") if (checkout.source / name).stat().st_mtime >= since}

    async with trees.checkout(upstream.tree, base) as checkout:
        top = await checkout.am(mails)
        one, two = await checkout.below(top, base.commit)
        assert two == top
        await checkout.to(base.commit)
        for commit, differs in ((one, {"a.c"}), (two, {"sub/b.c"}), (one, {"sub/b.c"}), (base.commit, {"a.c"})):
            await asyncio.sleep(
                0.1
            )  # what the step before touched is older than `since`, however coarse the clock of files
            since = time.time() - 0.05
            await checkout.step(commit)
            assert new(checkout, since) == differs
            assert await checkout.head() == commit
        await checkout.to(base.commit)
        assert new(checkout, OLD_MTIME + 1) == set()
        await checkout.step(two)
    async with Trees(trees.folder).checkout(upstream.tree, base) as checkout:  # as after a kill: nobody went back
        assert new(checkout, OLD_MTIME + 1) == set()


async def test_refused_series_leaves_old_times_too(upstream, trees):
    good, bad = upstream.series()
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        with pytest.raises(PatchDoesNotApplyError):
            await checkout.am([good, bad.replace(b"line 29", b"line 92")])
        assert (checkout.source / "a.c").stat().st_mtime == OLD_MTIME


async def test_two_runs_have_two_worktrees_and_a_third_waits_for_one(upstream, trees, monkeypatch):
    monkeypatch.setattr(adapter, "WORKTREES", 2)
    monkeypatch.setattr(adapter, "ALL_TAKEN_PAUSE_S", 0.01)
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as one:
        async with Trees(trees.folder).checkout(upstream.tree, base) as two:
            assert one.source != two.source
            third = asyncio.create_task(trees.checkout(upstream.tree, base).__aenter__())
            await asyncio.sleep(0.3)
            assert not third.done()
        assert (await asyncio.wait_for(third, 10)).source == two.source


async def test_worktree_left_by_a_killed_run_is_clean_for_the_next(upstream, trees):
    good, bad = upstream.series()
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        source = checkout.source
        await checkout.am([good])
        broken = adapter._mboxrd(bad.replace(b"line 29", b"line 92"))
        assert (await trees.git.run("am", "--3way", "--patch-format=mboxrd", cwd=source, stdin=broken))[0] != 0
        (source / "left.o").touch()
        (trees.folder / "t.git" / "worktrees" / "t.0" / "index.lock").touch()
        (source / "a.c").write_text("half written")
    async with trees.checkout(upstream.tree, base) as checkout:
        assert checkout.source == source
        assert await checkout.head() == base.commit
        assert not (source / "left.o").exists()
        assert (source / "a.c").read_text() == LINES
        assert await checkout.am([good, bad]) != base.commit


async def test_half_made_worktree_is_made_again(upstream, trees):
    base = await trees.resolve(upstream.tree, None)
    (trees.folder / "t.0").mkdir()
    (trees.folder / "t.0" / "a.c").write_text("half a checkout")
    async with trees.checkout(upstream.tree, base) as checkout:
        assert checkout.source == trees.folder / "t.0"
        assert (checkout.source / "a.c").read_text() == LINES


async def test_a_folder_that_a_patch_makes_a_symlink_leads_to_no_file_of_the_host(upstream, trees, tmp_path):
    """Files get their mtimes as root; the names come from the base, where the symlink was a folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.c").write_text("of the host\n")
    os.utime(outside / "b.c", (1_500_000_000, 1_500_000_000))
    upstream("rm", "-q", "-r", "sub")
    (upstream.folder / "sub").symlink_to(outside)
    upstream.commit("lead astray")
    mails = upstream.mails(upstream.base)
    base = await trees.resolve(upstream.tree, None)
    async with trees.checkout(upstream.tree, base) as checkout:
        await checkout.am(mails)
        assert (checkout.source / "sub").is_symlink()
    async with trees.checkout(upstream.tree, base) as checkout:
        assert (checkout.source / "sub" / "b.c").stat().st_mtime == OLD_MTIME
    assert (outside / "b.c").stat().st_mtime == 1_500_000_000


async def test_what_a_tree_has_already_is_told_by_undoing_it(upstream, trees):
    one, two = (mail.decode() for mail in upstream.series())
    diffs = [mail[mail.index("diff --git") :] for mail in (one, two)]
    async with trees.checkout(upstream.tree, Base(commit=upstream.base, reason="")) as checkout:
        assert not await checkout.holds(diffs[0])
        await checkout.am([one.encode(), two.encode()])
        assert await checkout.holds(diffs[0])
        assert await checkout.holds("".join(diffs))
        assert not await checkout.holds(diffs[1].replace("line thirty", "line of thirty"))
        assert not await checkout.holds("no diff at all")


async def test_commits_of_the_base_are_found_by_patch_id_and_by_title(upstream, trees, monkeypatch):
    monkeypatch.setattr(adapter, "HISTORY_STEP", 2)
    first, second = upstream.series()
    ids = [patch_id(mail.decode()[mail.decode().index("diff --git") :]) for mail in (first, second)]
    upstream("am", "-q", "--3way", str(_kept(upstream, first)), str(_kept(upstream, second)))
    taken = upstream("rev-list", "--reverse", f"{upstream.base}..HEAD").split()
    for number in range(5):
        upstream.write("a.c", f"rewritten {number}\n")
        upstream.commit(f"rewrite {number}")
    base = Base(commit=upstream("rev-parse", "HEAD"), reason="")
    async with trees.checkout(upstream.tree, base) as checkout:
        assert await checkout.commits_of([*ids, "0" * 40]) == dict(zip(ids, taken, strict=True))
        assert await checkout.commits_of([]) == {}
        assert await checkout.commits_called({"one", "three"}) == {"one": taken[0]}


async def test_a_refused_mail_leaves_what_was_applied_before_it(upstream, trees):
    one, two = upstream.series()
    async with trees.checkout(upstream.tree, Base(commit=upstream.base, reason="")) as checkout:
        after = await checkout.am([one])
        with pytest.raises(PatchDoesNotApplyError):
            await checkout.am([two.replace(b"line 29", b"line 92")])
        assert await checkout.head() == after
        assert "line three" in (checkout.source / "a.c").read_text()


def _kept(upstream: Upstream, mail: bytes) -> Path:
    path = upstream.folder.parent / f"{len(list(upstream.folder.parent.iterdir()))}.mail"
    path.write_bytes(mail)
    return path
