"""A stand-in for building single patches: what the source says is what make would have said."""

import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from app.config import ProfileSettings
from app.domain.build_warnings import KERNEL_BEGINS
from app.domain.patches import Part
from app.errors import BuildFailedError
from tests.workers.doubles import ScriptedBuilder, text_of
from workers.ports import Checkout, Image, PatchAdvice, Sink


def warnings_in(text: str) -> bytes:
    """A line with `warn` gives a warning that quotes it."""
    lines = [f"{KERNEL_BEGINS}\n", "  CC      kernel/bpf/core.o\n"]
    for number, line in enumerate(text.split("\n"), start=1):
        if "warn" in line:
            name = re.sub(r"\W", "", line)
            lines.append(f"/build/linux/kernel/bpf/core.c:{number}:5: warning: unused variable '{name}'\n")
    return "".join(lines).encode()


@dataclass
class ScriptedSteps:
    """Builds what is checked out in no time; a tree with `#error` in it does not build."""

    stepping: "ScriptedStepping"
    checkout: Checkout
    profile: ProfileSettings
    files: Sequence[str]

    async def build(self, commit: str, parts: Sequence[Part], *, log: Sink) -> None:
        if self.stepping.trouble:
            raise self.stepping.trouble.pop(0)
        await self.checkout.step(commit)
        text = text_of(self.checkout)
        self.stepping.built.append(commit)
        log(warnings_in(text))
        wrong = next((word for word in ("#error", self.stepping.breaks) if word and word in text), None)
        if wrong is not None:
            line = text[: text.index(wrong)].count("\n") + 1
            log(f"/build/linux/kernel/bpf/core.c:{line}:2: error: #error broken\n".encode())
            raise BuildFailedError(target="the kernel", exit_code=2)

    async def image(self, commit: str, *, key: str, log: Sink) -> Image:
        await self.checkout.step(commit)
        return await self.stepping.builder.build(self.checkout, self.profile, files=self.files, key=key, log=log)

    async def again(
        self, commit: str, objects: Sequence[str], *, linked: bool, tools: bool, log: Sink, warn: int = 0
    ) -> None:
        await self.checkout.step(commit)
        self.stepping.again.append((commit, tuple(objects)))
        log(warnings_in(text_of(self.checkout)))

    async def advice(self, commit: str, patches: Sequence[bytes]) -> tuple[PatchAdvice, ...]:
        remark = "WARNING:LONG_LINE: line length of 123 exceeds 100 columns"
        people = ("Ann Author <ann@example.org>", "Max Maintainer <max@example.org>", "linux-kernel@vger.kernel.org")
        return tuple(PatchAdvice(remarks=(remark,), people=people) for _ in patches)


@dataclass
class ScriptedStepping:
    """Where scripted steps are made; `trouble` is raised by the builds to come, what holds `breaks` does not build."""

    builder: ScriptedBuilder
    trouble: list[Exception] = field(default_factory=list)
    breaks: str = ""
    built: list[str] = field(default_factory=list)
    again: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def over(
        self, checkout: Checkout, profile: ProfileSettings, *, files: Sequence[str]
    ) -> AsyncIterator[ScriptedSteps]:
        head = await checkout.head()
        try:
            yield ScriptedSteps(self, checkout, profile, files)
        finally:
            await checkout.to(head)
