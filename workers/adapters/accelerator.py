"""Which accelerator works here. /dev/kvm can open and create a machine in which Linux hangs, so only a boot tells.

The answer is kept per host: for this boot of it and this QEMU. "kvm" is kept when a guest came up with it; "tcg" only
when the very same image came up without KVM, for an image that boots on neither says nothing about the host.
"""

import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from workers.adapters import sandbox

KVM = Path("/dev/kvm")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PLACE = "accelerator.json"
PROBE_S = 20.0


class Accelerator(StrEnum):
    """How QEMU runs the guest's code."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Which accelerator to use, and what that rests on."""

    name: Accelerator
    reason: str


class Accelerators:
    """The answer for this host, kept in `place`."""

    def __init__(self, place: Path) -> None:
        self.place = place

    async def find(self, boots: Callable[[Accelerator, float], Awaitable[bool]]) -> Answer:
        """Return the kept answer, or probe: `boots(accelerator, seconds)` tells whether a guest comes up in time."""
        known = self.known()
        if known:
            return known
        if await boots(Accelerator.KVM, PROBE_S):
            return self._keep(Answer(name=Accelerator.KVM, reason="a guest boots with it"))
        answer = Answer(name=Accelerator.TCG, reason=f"a guest does not boot with KVM within {PROBE_S:.0f} s")
        return self._keep(answer) if await boots(Accelerator.TCG, PROBE_S * 6) else answer

    def known(self) -> Answer | None:
        """Return the answer as far as it needs no boot: KVM that cannot be opened, or what an earlier probe found."""
        refused = refusal()
        if refused:
            return Answer(name=Accelerator.TCG, reason=refused)
        try:
            kept = json.loads(self.place.read_text())
            if kept["host"] != _host():
                return None
            return Answer(name=Accelerator(kept["accelerator"]), reason=kept["reason"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, answer: Answer) -> Answer:
        state = {"host": _host(), "accelerator": answer.name, "reason": answer.reason}
        new = self.place.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(state))
        new.rename(self.place)
        return answer


async def probe(cache_dir: Path) -> Answer:
    """Return what this host is known to do; where that takes a boot, the first one of an image will tell."""
    known = Accelerators(cache_dir / PLACE).known()
    return known or Answer(
        name=Accelerator.TCG, reason=f"{KVM} opens; the first boot of an image tells whether it works"
    )


def refusal() -> str | None:
    """Return why KVM cannot even be tried, or None."""
    if not KVM.exists():
        return f"there is no {KVM}"
    state, user = KVM.stat(), sandbox.build_user()
    if user is None:
        return None if os.access(KVM, os.R_OK | os.W_OK) else f"{KVM} is closed to this user"
    if state.st_mode & 0o006 == 0o006 or (state.st_mode & 0o060 == 0o060 and state.st_gid != 0):
        return None
    return f"{KVM} is closed to the user {sandbox.BUILD_USER}"


def _host() -> str:
    return f"{os.uname().release} {BOOT_ID.read_text().strip()}"
