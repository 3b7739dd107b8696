"""Whether a build that failed speaks against its patches: in doubt, the same is made of the base, here and now.

A ccache that breaks, a compiler that gets no memory and a full disk end a build as a bad patch does. What a compiler
says of a line of the tree is believed; what tools say for want of something is ours; all else is tried on the base,
which was built before: what cannot be made of that either is not the series' doing.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum

from app.domain.buildlog import compiler_errors
from app.errors import BuildFailedError, InfrastructureError
from workers.adapters.workshop import OBJECTS, SELFTESTS, SOURCE, Workshop
from workers.ports import Checkout

MOST_TARGETS = 20

MAKE_AGAIN = f"""
kernel() {{ make -C {SOURCE} O={OBJECTS} CC="ccache gcc" HOSTCC="ccache gcc" -j"$jobs" "$@"; }}
jobs=$1; shift
cd {OBJECTS}
set -- $(for one; do if [ -f "$one" ]; then echo "$one"; fi; done)
if [ $# -gt 0 ]; then rm -f -- "$@"; if kernel "$@"; then exit 0; fi; fi
rm -f vmlinux
kernel bzImage modules
"""
# One program at least is compiled, whichever failed.
FORGET = f"""
cd {SELFTESTS}
set -- $(for one; do if [ -f "$one" ]; then echo "$one"; fi; done)
if [ $# = 0 ]; then set -- $(find . -maxdepth 1 -name '*.bpf.o' | sort | head -n 1); fi
rm -f -- "$@"
"""

_WANT = re.compile(
    r"No space left on device|[Cc]annot allocate memory|memory exhausted|[Oo]ut of memory|\bKilled\b|Bus error"
    r"|Disk quota exceeded|Input/output error|Read-only file system|Too many open files"
    r"|Resource temporarily unavailable|Stale file handle"
    r"|error (?:writing|closing) |opening (?:dependency|output) file |unable to open output file"
)
_NOT_MADE = re.compile(r"^make(?:\[\d+\])?: \*\*\* \[(?:[^\]\n]*[ :])?([\w./+-]+\.o)\] \w", re.MULTILINE)


class Doubt(StrEnum):
    """Whose doing a failed build is, by its log alone."""

    NONE = "the series'"
    SOME = "not known"
    OURS = "ours"


def doubt(log: str) -> Doubt:
    """Read the log of a build that failed."""
    errors = compiler_errors(log)
    if any(one.file and one.line and not _WANT.search(one.message) for one in errors):
        return Doubt.SOME if _WANT.search(log) else Doubt.NONE
    return Doubt.OURS if _WANT.search(log) else Doubt.SOME


def not_made(log: str) -> tuple[str, ...]:
    """Return the objects that make could not make, as it names them."""
    return tuple(dict.fromkeys(name for name in _NOT_MADE.findall(log) if ".." not in name))[:MOST_TARGETS]


def wanting(log: str) -> str:
    """Return the line that says what was wanting."""
    return next((line.strip()[:300] for line in log.splitlines() if _WANT.search(line)), "")


def doubted(error: BuildFailedError) -> bool:
    """Tell whether a failed build has to be tried on the base before it is said of patches.

    Raises:
        InfrastructureError: something was wanting on this host.
    """
    found = doubt(error.said)
    if found is Doubt.OURS:
        raise InfrastructureError(f"{error}, for want of something here: {wanting(error.said)}") from error
    return found is Doubt.SOME


@contextlib.asynccontextmanager
async def at_base(checkout: Checkout) -> AsyncIterator[None]:
    """Have a worktree at its base for the block, and where it was afterwards."""
    head = await checkout.head()
    await checkout.step(checkout.base.commit)
    try:
        yield
    finally:
        await checkout.to(head)


async def try_base(
    error: BuildFailedError, again: Workshop, jobs: str, selftests: Callable[[], Awaitable[object]]
) -> None:
    """Make what failed of the base, in a layer over its objects; `selftests` makes those, when it is about them.

    Raises:
        InfrastructureError: it cannot be made of the base now either.
    """
    again.log(b"reroll: the same of the base, which was built before\n")
    names = not_made(error.said)
    try:
        if SELFTESTS in error.said:
            await again.run("the selftests' output", FORGET, arguments=names)
            await selftests()
        else:
            await again.run("the base", MAKE_AGAIN, arguments=[jobs, *names])
    except BuildFailedError as failed:
        what = f"{error}, but what failed cannot be made of the base now either, which was built before"
        raise InfrastructureError(f"{what}: {failed}") from failed
