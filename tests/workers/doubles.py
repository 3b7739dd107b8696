"""Stand-ins for what takes minutes (a kernel build, a boot), and for faults that the real ones cannot be made to show.

The database, the queue, git and the mails are real wherever these are used; the real builder and machine are run by
the tests marked `kernel`.
"""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.config import ProfileSettings, TreeSettings
from app.domain.attestation import Signature
from app.domain.console import ConsoleEvent
from app.domain.message import parse_message, split_mbox
from app.errors import BuildFailedError
from workers.ports import Boot, Checkout, Ending, Image, Sink

GIT = {
    "GIT_AUTHOR_NAME": "Ann Author",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann Author",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env=os.environ | GIT, check=True, capture_output=True, text=True
    )
    return done.stdout


def make_tree(folder: Path) -> TreeSettings:
    """Make a git repository with one C file, as a kernel tree."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "master")
    source = folder / "kernel" / "bpf" / "core.c"
    source.parent.mkdir(parents=True)
    source.write_text("".join(f"int line_{number};\n" for number in range(30)))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "base")
    return TreeSettings(name="small", url=str(folder), ref="refs/heads/master")


def post(folder: Path, version: int, edits: Sequence[tuple[str, ...]]) -> list[bytes]:
    """Return a posting of one patch an edit (line to replace, its replacement) as `git format-patch` writes it.

    An edit may name a new file instead, as third, of which the replacement is the text.
    """
    git(folder, "checkout", "-q", "-B", f"v{version}", "master")
    source = folder / "kernel" / "bpf" / "core.c"
    for number, (old, new, *fresh) in enumerate(edits, start=1):
        if fresh:
            (folder / fresh[0]).parent.mkdir(parents=True, exist_ok=True)
            (folder / fresh[0]).write_text(new)
        else:
            source.write_text(source.read_text().replace(old, new))
        git(folder, "add", ".")
        git(folder, "commit", "-qm", f"bpf: Change line {number}\n\nSigned-off-by: Ann Author <ann@example.org>")
    out = git(
        folder,
        "format-patch",
        "--stdout",
        "--cover-letter",
        "--thread=shallow",
        f"-v{version}",
        "--subject-prefix=PATCH bpf-next",
        "master",
    )
    git(folder, "checkout", "-q", "master")
    out = out.replace("*** SUBJECT HERE ***", "bpf: Change lines").replace("*** BLURB HERE ***", "Lines change.")
    # git makes Message-IDs of the second; two postings of a test come within one.
    out = re.sub(r"\.(\d{10})\.git\.", lambda found: f".{int(found[1]) + version}.git.", out)
    return list(split_mbox(out.encode()))


@dataclass
class Folder:
    """An archive whose threads are given; a Message-ID finds the thread that it is in."""

    threads: list[list[bytes]] = field(default_factory=list)

    async def thread(self, message_id: str) -> bytes:
        for mails in self.threads:
            if any(parse_message(mail).message_id == message_id for mail in mails):
                return b"".join(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + mail + b"\n" for mail in mails)
        raise AssertionError(message_id)

    async def search(self, query: str) -> bytes | None:
        return b"".join([await self.thread(parse_message(mails[0]).message_id) for mails in self.threads])

    async def has(self, message_id: str) -> bool:
        return False


class Unsigned:
    """Mails that nobody signed."""

    async def check(self, raw: bytes) -> tuple[Signature, ...]:
        return ()


class Undecoded:
    """A kernel without debug information."""

    async def decode(self, vmlinux: Path, events: Sequence[ConsoleEvent]) -> tuple[ConsoleEvent, ...]:
        return tuple(events)


def text_of(checkout: Checkout) -> str:
    """Return what the builder's and the machine's scripts look at: the one file of the tree."""
    return (checkout.source / "kernel" / "bpf" / "core.c").read_text()


@dataclass
class ScriptedBuilder:
    """Keeps the source's text as the image; a tree with `#error` in it does not build."""

    folder: Path
    trouble: list[Exception] = field(default_factory=list)
    tools: dict[str, str] = field(default_factory=lambda: {"gcc": "12.2.0"})
    built: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)

    async def toolchain(self) -> dict[str, str]:
        return self.tools

    async def inputs(self, profile: ProfileSettings) -> dict[str, str]:
        return self.tools

    async def find(self, key: str) -> Image | None:
        return self.images.get(key)

    async def build(
        self, checkout: Checkout, profile: ProfileSettings, *, files: Sequence[str], key: str, log: Sink
    ) -> Image:
        if self.trouble:
            raise self.trouble.pop(0)
        text = text_of(checkout)
        log(b"  CC      kernel/bpf/core.o\n")
        if "#error" in text:
            line = text[: text.index("#error")].count("\n") + 1
            log(f"/build/linux/kernel/bpf/core.c:{line}:2: error: #error broken\n".encode())
            raise BuildFailedError(target="the kernel", exit_code=2)
        self.built.append(key)
        self.texts[key] = text
        (self.folder / "config").write_text("CONFIG_BPF_SYSCALL=y\n")
        image = Image(
            key=key,
            folder=self.folder,
            tests=("bpf_iter", "log_buf"),
            selection=(("bpf_iter", "core of the profile"), ("log_buf", "core of the profile")),
            not_built=(),
            toolchain=self.tools,
        )
        self.images[key] = image
        return image


Script = Callable[[str, Sequence[str], int], tuple[list[str], Ending]]
"""Source text, tests asked for, how many boots of that text there were -> lines of the results port, and the end."""


@dataclass
class ScriptedMachine:
    """Plays the results port that a script says."""

    builder: ScriptedBuilder
    script: Script
    trouble: list[Exception] = field(default_factory=list)
    boots: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    console: Callable[[str, Sequence[str]], bytes] = lambda _source, _tests: b"Linux version 6.12.0\n"
    loud: list[tuple[str, ...]] = field(default_factory=list)
    room: int = 1

    def has_room(self, _profile: ProfileSettings, machines: int) -> bool:
        return machines <= self.room

    async def run(
        self,
        image: Image,
        profile: ProfileSettings,
        *,
        tests: Sequence[str],
        console: Sink,
        results: Sink,
        verbose: bool = False,
    ) -> Boot:
        self.loud += [tuple(tests)] if verbose else []
        if self.trouble:
            raise self.trouble.pop(0)
        text = self.builder.texts[image.key]
        count = sum(seen == text for seen, _ in self.boots)
        self.boots.append((text, tuple(tests)))
        lines, ending = self.script(text, tests, count)
        results("".join(f"{line}\n" for line in lines[:2]).encode())
        console(self.console(text, tests))
        results("".join(f"{line}\n" for line in lines[2:]).encode())
        booted = 1.5 if lines else None
        return Boot(ending=ending, booted_s=booted, wall_s=2.0, accelerator="tcg")


def progs(*results: tuple[str, str]) -> list[str]:
    """Return a whole stream of the results port: each (test, OK|FAIL|SKIP), a test named `a/b` as subtest of `a`."""
    lines = ['@@reroll {"event":"ready"}', '@@reroll {"event":"begin","suite":"test_progs"}']
    tops = dict.fromkeys(name.partition("/")[0] for name, _ in results)
    failed = 0
    for number, top in enumerate(tops, start=1):
        subs = [(name, word) for name, word in results if name.startswith(f"{top}/")]
        own = [word for name, word in results if name == top]
        for sub, (name, word) in enumerate(subs, start=1):
            if word == "FAIL":
                lines.append(f"check:FAIL:{name} unexpected value: actual 1 != expected 2")
            lines.append(f"#{number}/{sub}   {name}:{word}")
        word = "FAIL" if any(word == "FAIL" for _, word in subs) or own == ["FAIL"] else "OK"
        failed += word == "FAIL"
        lines.append(f"#{number}     {top}:{word}")
    lines.append(f"Summary: {len(tops) - failed}/{len(results)} PASSED, 0 SKIPPED, {failed} FAILED")
    return [*lines, '@@reroll {"event":"end","suite":"test_progs","exit":0}', '@@reroll {"event":"done"}']
