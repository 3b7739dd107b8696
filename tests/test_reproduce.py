"""The line that shows a failing test again, run: with the real b4 against a real archive, and to its end in a guest."""

import asyncio
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from app.config import LoreSettings, ProfileSettings, Settings, TreeSettings
from app.demo.archive import Archive
from app.demo.run import example_mails
from app.domain.message import parse_message
from app.domain.outcome import Outcome, Step
from app.main import create_app
from app.report import reproduce
from app.report.reproduce import Recipe
from tests import factories as make
from tests.web.conftest import serving
from tests.workers.doubles import git, make_tree, post
from workers.adapters import clearing, workshop
from workers.adapters.git import Trees
from workers.adapters.kbuild import Builder
from workers.ports import Checkout

TOOLS = Path(sys.executable).parent
TEST = "bpf_iter/bpf_percpu_array_map"


@pytest.mark.tools
def test_b4_fetches_one_version_by_its_message_id_and_git_applies_it_beside_the_clone(tmp_path):
    """What takes minutes (make, vng) is replaced by programs that only say that they were called."""
    make_tree(tmp_path / "tree")
    repository = tmp_path / "tree"
    first = post(repository, 1, [("line_3;", "line_3_one;")])
    second = post(repository, 2, [("line_3;", "line_3_two;"), ("line_9;", "line_9_two;")])
    bpf = repository / "tools" / "testing" / "selftests" / "bpf"
    (bpf / "prog_tests").mkdir(parents=True)
    (bpf / "progs").mkdir()
    (bpf / "Makefile").write_text("LSKELS := always.c\n")
    for name in ("bpf_iter", "other"):
        (bpf / "prog_tests" / f"{name}.c").write_text(f"void test_{name}(void)\n")
    for name in ("one", "two"):
        (bpf / "progs" / f"{name}.c").write_text("")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "selftests")
    base = git(repository, "rev-parse", "master").strip()
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name in ("make", "vng", "curl"):
        (stubs / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/called\n')
        (stubs / name).chmod(0o755)
    with Archive(tmp_path / "archive").serving() as archive:
        archive.add(*first, *second)
        recipe = Recipe(
            run_id=7,
            root_id=parse_message(second[0]).message_id,
            version=2,
            archive=archive.origin,
            base_commit=base,
            config_url="http://127.0.0.1/config",
            cpus=1,
            memory_mb=512,
        )
        line = reproduce.line(recipe, "test_progs", ["bpf_iter/one"])
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=repository,
            env=_environment(stubs, home=tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    made = next(tmp_path.glob("reroll-*/linux"))
    text = (made / "kernel" / "bpf" / "core.c").read_text()
    assert ("line_3_two;" in text, "line_9_two;" in text, "line_3_one" in text) == (True, True, False)
    assert git(made, "log", "--format=%s", f"{base}..").splitlines() == ["bpf: Change line 2", "bpf: Change line 1"]
    assert sorted(path.name for path in (made / "tools/testing/selftests/bpf/prog_tests").iterdir()) == ["bpf_iter.c"]
    assert git(repository, "status", "--porcelain") == ""
    called = (tmp_path / "called").read_text().splitlines()
    assert [each.split()[0] for each in called] == ["curl", "make", "make", "vng"]


def _environment(*places: Path, home: Path) -> dict[str, str]:
    """Return an environment with b4 and vng; whoever applies patches has a name."""
    path = ":".join([*map(str, places), str(TOOLS), "/usr/lib/llvm-19/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"])
    names = {f"GIT_{who}_{what}": "dev@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {"PATH": path, "HOME": str(home), "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1", **names}


@pytest.mark.kernel
@pytest.mark.anyio
async def test_the_line_of_a_failing_test_shows_the_same_failure(settings, sessions, tmp_path):
    """v3 of the example, as in the demo: Debian's tree, kernel and selftests built by the line, booted by vng.

    The kernel is built upon the objects of the base that the worker keeps, in a layer over them.
    """
    host = Settings()
    cover = next(mail for mail in map(parse_message, example_mails()) if "v3 0/" in mail.subject)
    builder = Builder(host.cache_dir)
    async with base_of(host) as held:
        key = f"ofreproduce{uuid.uuid4().hex}"
        image = await builder.build(held, PROFILE, files=(), key=key, log=lambda _data: None)
        config = (image.folder / "config").read_bytes()
        shutil.rmtree(image.folder)
        template = builder.template(held, PROFILE, await builder.toolchain())
    with Archive(tmp_path / "archive").serving() as archive:
        archive.add(*example_mails())
        use = settings.model_copy(update={"lore": LoreSettings(origin=archive.origin), "trees": (TREE,)})
        run_id = failed_run(sessions, cover.message_id, config)
        app = create_app(use)
        with serving(SimpleNamespace(app=app)) as address:
            app.state.settings = use.model_copy(update={"public_url": address})
            asked = {"suite": "test_progs", "test": TEST, "form": "line"}
            async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
                line = (await client.get(f"/api/v1/runs/{run_id}/reproduce", params=asked)).text
            line = line.replace(f"../reroll-{run_id}", "/build")
            async with clearing.in_use(next(template.glob("selftests-*.use")).with_suffix("")):
                said = await asyncio.to_thread(in_a_house_of_its_own, line, template, tmp_path)
    for shown in ("test_bpf_percpu_array_map:FAIL:attach_iter unexpected error: -22\n", f"{TEST}:FAIL\n"):
        assert shown in said.replace("\r", ""), said[-8000:]
    assert "Summary: 0/0 PASSED, 0 SKIPPED, 1 FAILED" in said, said[-8000:]


PROFILE = ProfileSettings(core=("bpf_iter", "verifier_log", "log_buf"))
TREE = TreeSettings(name="linux-6.12", url="debian:linux-source-6.12")


@asynccontextmanager
async def base_of(host: Settings) -> AsyncIterator[Checkout]:
    trees = Trees(host.cache_dir / "trees")
    async with trees.checkout(TREE, await trees.resolve(TREE, None)) as held:
        yield held


def failed_run(sessions, root_id: str, config: bytes) -> int:
    with sessions.begin() as session:
        thread = make.add_thread(session, root_id)
        revision = make.add_revision(session, make.add_series(session), "v3", thread=thread)
        revision.root_id = root_id
        run = make.add_run(session, revision, tree=TREE.name)
        make.add_log(session, make.add_step(session, run, Step.BUILD), "config", config, piece=100_000)
        make.add_results(session, run, {TEST: Outcome.FAIL})
        return run.id


def in_a_house_of_its_own(line: str, template: Path, folder: Path) -> str:
    """Run a line where /build/out is a layer over the base's objects; return what it said.

    The paths are those of the worker's sandbox, so that make finds what is built already, and ccache the rest.
    """
    for name in ("home", "out", "upper", "work", "masked"):
        (folder / "build" / name).mkdir(parents=True)
    for name in ("clang", "gcc"):
        (folder / "build" / "masked" / name).symlink_to("/usr/bin/ccache")
    folder.chmod(0o755)
    build = folder / "build"
    layer = f"lowerdir={template / clearing.OBJECTS},upperdir={build / 'upper'},workdir={build / 'work'},userxattr"
    env = {
        **workshop.ENV,
        **_environment(Path("/build/masked"), home=Path("/build/home")),
        "CCACHE_READONLY": "1",
        "CCACHE_NOSTATS": "1",
        "MAKEFLAGS": r"-- CC=ccache\ gcc HOSTCC=ccache\ gcc",
    }
    binds = ["/usr", "/etc", sys.prefix, sys.base_prefix]
    box = [
        *("bwrap", "--die-with-parent", "--unshare-pid", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        *(word for place in dict.fromkeys(binds) for word in ("--ro-bind", place, place)),
        *(word for name in ("bin", "sbin", "lib", "lib64") for word in ("--symlink", f"usr/{name}", f"/{name}")),
        *(word for name in ("sys", "run", "var", "home", "opt", "srv", "mnt") for word in ("--dir", f"/{name}")),
        *("--bind", str(build), "/build", "--ro-bind", str(Settings().cache_dir / "ccache"), workshop.CCACHE),
        *("--chdir", "/build", "--clearenv", *(word for pair in env.items() for word in ("--setenv", *pair))),
        *("sh", "-xc", line),
    ]
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    script = 'mount -t overlay overlay -o "$1" "$2"; shift 2; exec "$@"'
    argv = [*namespace, "sh", "-euc", script, "layer", layer, str(build / "out"), *box]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode(errors="replace")
