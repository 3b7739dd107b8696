"""Versions of the tools that shape a result, as recorded with every image and shown by `reroll doctor`."""

import asyncio
import re
from datetime import timedelta

from app.errors import InfrastructureError
from workers.adapters import process, sandbox

TOOLS = {
    "gcc": ("gcc", "--version"),
    "clang": ("clang-19", "--version"),
    "ld": ("ld", "--version"),
    "lld": ("ld.lld-19", "--version"),
    "pahole": ("pahole", "--version"),
    "make": ("make", "--version"),
    "ccache": ("ccache", "--version"),
    "qemu": ("qemu-system-x86_64", "--version"),
}
_VERSION = re.compile(r"\d+\.\d+[^\s,)]*")


async def toolchain() -> dict[str, str]:
    """Return tool -> version such as `12.2.0`; a tool that is missing has no entry."""
    versions = await asyncio.gather(*(_version(*argv) for argv in TOOLS.values()))
    return {tool: version for tool, version in zip(TOOLS, versions, strict=True) if version}


async def _version(*argv: str) -> str | None:
    try:
        code, output = await process.capture(argv, wall=timedelta(seconds=20), env=sandbox.outer_env())
    except InfrastructureError:
        return None
    # "gcc (Debian 12.2.0-14+deb12u1) 12.2.0": what is in brackets is the distribution's.
    first = re.sub(r"\(.*?\)", "", output.decode(errors="replace").partition("\n")[0])
    found = _VERSION.search(first)
    return found[0] if code == 0 and found else None
