"""`reroll doctor`: what this machine has and lacks, each tool with its version, KVM by a real boot."""

import asyncio
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.config import Settings
from app.db.embedded import find_binaries
from app.disk_use import disk_use
from app.errors import InfrastructureError
from workers.adapters.accelerator import PLACE, Accelerators, Answer
from workers.adapters.kbuild import Builder
from workers.adapters.qemu import Machine
from workers.adapters.rootfs import guest_root

VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+~-]*")
PROBE_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that some step needs; `ask` are the words that make it tell its version, none where it tells none."""

    name: str
    ask: tuple[str, ...]
    use: str
    package: str


TOOLS = (
    Tool(name="git", ask=("--version",), use="trees, git am", package="git"),
    Tool(name="make", ask=("--version",), use="build", package="make"),
    Tool(name="gcc", ask=("--version",), use="build the kernel", package="build-essential"),
    Tool(name="ccache", ask=("--version",), use="build again fast", package="ccache"),
    Tool(name="clang-19", ask=("--version",), use="build BPF programs", package="clang-19"),
    Tool(name="llvm-strip-19", ask=("--version",), use="build BPF programs", package="llvm-19"),
    Tool(name="pahole", ask=("--version",), use="BTF", package="dwarves"),
    Tool(name="flex", ask=("--version",), use="build", package="flex"),
    Tool(name="bison", ask=("--version",), use="build", package="bison"),
    Tool(name="bc", ask=("--version",), use="build", package="bc"),
    Tool(name="rsync", ask=("--version",), use="build selftests", package="rsync"),
    Tool(name="cpio", ask=("--version",), use="the guest's root", package="cpio"),
    Tool(name="bwrap", ask=("--version",), use="sandbox", package="bubblewrap"),
    Tool(name="ip", ask=("-V",), use="the guest's root", package="iproute2"),
    Tool(name="setpriv", ask=("--version",), use="sandbox", package="util-linux"),
    Tool(name="qemu-system-x86_64", ask=("--version",), use="boot", package="qemu-system-x86"),
    Tool(name="public-inbox-httpd", ask=(), use="demo and tests", package="public-inbox"),
    Tool(name="chromium", ask=("--version",), use="tests of the pages", package="chromium"),
)


async def report(settings: Settings) -> int:
    """Print a table of all probes; return 0 when nothing needed is missing, else 1."""
    console = Console()
    table = Table(title="reroll doctor", title_justify="left")
    for name in ("what", "found", "for", "if missing"):
        table.add_column(name)
    missing = 0
    for tool in TOOLS:
        found = await _version(tool)
        missing += found is None
        table.add_row(tool.name, found or "[red]missing[/red]", tool.use, _hint(tool.package, found))
    postgres = _postgres()
    missing += postgres is None and settings.database_url is None
    table.add_row("postgres", postgres or "[red]missing[/red]", "database", _hint("postgresql", postgres))
    source = _kernel_source()
    table.add_row(
        "linux-source-6.12",
        source or "[yellow]missing[/yellow]",
        "the demo's tree",
        _hint("linux-source-6.12", source),
    )
    console.print(table)
    await _show_guest(console, settings)
    await _show_accelerator(console, settings)
    _show_disk_use(console, settings)
    console.print(f"state: {settings.state_dir}  caches: {settings.cache_dir} ({_free(settings.cache_dir)})")
    return 1 if missing else 0


async def _version(tool: Tool) -> str | None:
    """Return the version that a tool names, or that it is there; None where it is not or does not run."""
    path = shutil.which(tool.name)
    if path is None or not tool.ask:
        return "there" if path else None
    process = await asyncio.create_subprocess_exec(
        path, *tool.ask, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PROBE_LIMIT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    found = VERSION.search(output.decode("utf-8", "replace"))
    return found.group() if found else "there"


def _show_disk_use(console: Console, settings: Settings) -> None:
    table = Table(title="disk", title_justify="left")
    for name in ("what", "where", "size"):
        table.add_column(name, justify="right" if name == "size" else "left")
    for use in disk_use(settings):
        table.add_row(use.what, use.where, "does not answer" if use.size is None else f"{use.size / 1e9:.1f} GB")
    console.print(table)


def _kernel_source() -> str | None:
    return next((path.name for path in Path("/usr/src").glob("linux-source-6.12.tar.*")), None)


def _postgres() -> str | None:
    try:
        return str(find_binaries())
    except InfrastructureError:
        return None


async def _show_guest(console: Console, settings: Settings) -> None:
    """Say which tools the guest's root cannot have, for want of them here: tests that call them are skipped."""
    try:
        root = await guest_root(settings.cache_dir / "guest")
    except InfrastructureError as error:
        console.print(f"the guest's root cannot be made: {error}", markup=False)
        return
    absent = f"without {', '.join(root.absent)}; tests that call them are skipped" if root.absent else "has every tool"
    console.print(f"the guest's root {absent}", markup=False)


async def _show_accelerator(console: Console, settings: Settings) -> None:
    """Say what KVM does here: refused outright, known from an earlier boot, or tried now with the newest kernel."""
    known = Accelerators(settings.cache_dir / PLACE).known() or await _boot_once(console, settings)
    words = f"{known.name}: {known.reason}" if known else "not known: no kernel has been built here yet to boot"
    console.print(f"KVM, by a real boot: {words}", markup=False)


async def _boot_once(console: Console, settings: Settings) -> Answer | None:
    """Boot the newest image of this host, which probes the accelerator; None where there is none."""
    metas = sorted((settings.cache_dir / "images").glob("*/image.json"), key=lambda path: path.stat().st_mtime)
    image = await Builder(settings.cache_dir).find(metas[-1].parent.name) if metas else None
    if image is None:
        return None
    console.print("KVM opens; booting the newest kernel built here to see whether it works ...")
    profile = settings.profiles[settings.default_profile]
    await Machine(settings.cache_dir).run(image, profile, tests=image.tests[:1], console=_ignore, results=_ignore)
    return Accelerators(settings.cache_dir / PLACE).known()


def _ignore(_data: bytes) -> None:
    """Take bytes that nobody wants."""


def _hint(package: str, found: str | None) -> str:
    return "" if found else f"Debian: apt install {package}"


def _free(path: Path) -> str:
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    return f"{shutil.disk_usage(there).free / 1e9:.0f} GB free"
