"""Mutated mails by the thousand: no exception, every mail accounted for once, bounded time for each. Then logs.

`make fuzz ARGS="--mails 100000"`; the seeds are the example's threads, and real ones where they are at hand in
../shared/lore. With `--coverage 60` atheris looks for new paths through the code, for a minute. It has wheels for
x86-64 only, so it is not in the lock: `uv pip install atheris`.
"""

import argparse
import gzip
import json
import random
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.inspection import thread_document
from app.domain.message import Message, parse_message, patch_mail, split_mbox
from app.domain.patch_id import patch_id
from app.domain.series import Conversation, parse_threads
from bench.log_fuzz import run_logs
from bench.mutation import Mutator

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (ROOT / ".." / "shared" / "lore", ROOT / "examples" / "thread")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
LIMIT_S = 2.0
"""Of processor time, for one mail; the hugest take a few tenths."""


class FoundError(AssertionError):
    """Something that must not happen, in words."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a run saw; `copies` are mails with the Message-ID of another of their thread.

    `slowest` is the processor time in seconds of one mail, and its size in bytes.
    """

    mails: int = 0
    threads: int = 0
    accounted: int = 0
    copies: int = 0
    slowest: tuple[float, int] = (0.0, 0)
    slowest_thread: tuple[float, int] = (0.0, 0)
    findings: list[str] = field(default_factory=list)


def read_seeds(folders: Iterable[Path] = SEEDS) -> list[list[bytes]]:
    """The threads in these folders (mbox, also gzip), each a list of mails."""
    threads = []
    for folder in folders:
        for file in sorted([*folder.glob("*.mbox"), *folder.glob("*.mbox.gz")]):
            data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            threads.append(list(split_mbox(data)))
    return threads


def examine_mail(raw: bytes, tally: Tally) -> Message:
    """Read one mail in all ways that something reads it.

    Raises:
        FoundError: it took too long, or text came out that no database and no page can hold.
    """
    started = time.process_time()
    message = parse_message(raw)
    patch_mail(message)
    patch_id(message.diff or "")
    spent = time.process_time() - started
    tally.mails += 1
    tally.slowest = max(tally.slowest, (spent, len(raw)))
    if spent > LIMIT_S:
        raise FoundError(f"one mail of {len(raw)} bytes took {spent:.1f} s")
    for text in (message.message_id, message.subject, message.body, message.author.name, *message.references):
        if _UNSTORABLE.search(text):
            raise FoundError("text with NUL or lone surrogates")
    if not message.message_id:
        raise FoundError("a mail without a Message-ID")
    return message


def examine_thread(messages: Sequence[Message], tally: Tally) -> None:
    """Read mails as a thread.

    Raises:
        FoundError: a mail is accounted for not once, or it took too long.
    """
    started = time.process_time()
    conversation = parse_threads(messages)
    json.dumps(thread_document(conversation)).encode()
    spent = time.process_time() - started
    tally.threads += 1
    tally.slowest_thread = max(tally.slowest_thread, (spent, len(messages)))
    if spent > LIMIT_S * max(len(messages), 1):
        raise FoundError(f"{len(messages)} mails as a thread took {spent:.1f} s")
    found = _accounted(conversation)
    if sorted(found) != sorted({message.message_id for message in messages}):
        raise FoundError(f"{len(messages)} mails, {len(found)} accounted for")
    tally.accounted += len(found)
    tally.copies += len(messages) - len(found)


def _accounted(conversation: Conversation) -> list[str]:
    found = [other.message.message_id for other in conversation.other]
    for revision in (revision for series in conversation.series for revision in series.revisions):
        found += [revision.cover.message_id] if revision.cover else []
        found += [patch.message.message_id for patch in revision.patches if patch.inherited_from is None]
        found += [comment.message.message_id for comment in revision.comments]
    return found


def extremes() -> dict[str, bytes]:
    """Mails that are huge in one way."""
    head = b"From: A <a@example.org>\nSubject: [PATCH 1/2] t\nMessage-ID: <x@example.org>\n"
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (depth, depth) for depth in range(100)
    )
    many = b"\n".join(b" <%d@example.org>" % number for number in range(10_000))
    change = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
    return {
        "a body of 5 MB": head + b"\n" + b"The quick brown fox jumps over the lazy dog.\n" * 110_000,
        "a body of 5 MB in one line": head + b"\n" + b"x" * 5_000_000,
        "5 MB of quotes": head + b"\n" + b"> > > x\n" * 600_000,
        "5 MB of diffs": head + b"\n" + change * 85_000,
        "5 MB of headers of diffs": head + b"\n" + b"diff --git a/x b/x\n" * 250_000,
        "5 MB of ---": head + b"\n" + b"--- a\n+++ b\n" * 400_000,
        "5 MB of trailers": head + b"\n" + b"Reviewed-by: A <a@example.org>\n" * 160_000,
        "5 MB of change log": head + b"\n" + b"v1 -> v2: https://lore.kernel.org/r/a@b/\n" * 120_000,
        "5 MB of base64": head + b"Content-Transfer-Encoding: base64\n\n" + b"QUJDRA==\n" * 550_000,
        "5 MB of quoted-printable": head + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=41=\n" * 1_000_000,
        "5 MB flowed": head + b"Content-Type: text/plain; format=flowed\n\n" + b"> a \n" * 1_000_000,
        "10,000 References": head + b"References:" + many + b"\n\nx\n",
        "10,000 In-Reply-To": head + b"".join(b"In-Reply-To: <%d@x>\n" % n for n in range(10_000)) + b"\nx\n",
        "100 nested parts": head + nested + b"\nx\n",
        "10,000 parts": head + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 10_000,
        "10,000 encoded words": head + b"X: y\nTo: " + b"=?utf-8?q?=C3=A4?= <a@x>, " * 10_000 + b"\n\nx\n",
        "a subject of brackets": b"Subject: " + b"[" * 1_000_000 + b"\n\nx\n",
        "a subject of numbers": b"Subject: [" + b"1/2 " * 200_000 + b"]\n\nx\n",
        "headers only": b"A: b\n" * 1_000_000,
        "folds only": b"Subject: a\n" + b" \n" * 2_000_000,
    }


def run(mails: int, *, seed: int, seeds: Sequence[Sequence[bytes]], keep: Path | None = None) -> Tally:
    """Examine the extremes and this many mutated mails, thread by thread; what is found is kept as files."""
    tally = Tally()
    choose = random.Random(seed)  # noqa: S311 - a seed gives the same mails again
    mutator = Mutator(choose, [raw for thread in seeds for raw in thread])
    for name, raw in extremes().items():
        _guard(tally, keep, [raw], lambda raw=raw: examine_thread([examine_mail(raw, tally)], tally), name)
    while tally.mails < mails:
        thread = [raw for chosen in choose.sample(list(seeds), choose.choice((1, 1, 1, 3))) for raw in chosen]
        size = min(choose.randint(1, 30), len(thread), mails - tally.mails)
        raws = [mutator.mutate(raw) for raw in choose.sample(thread, size)]
        _guard(tally, keep, raws, lambda raws=raws: _examine(raws, tally), f"mail {tally.mails}")
    return tally


def _examine(raws: Sequence[bytes], tally: Tally) -> None:
    split_mbox(b"".join(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + raw + b"\n\n" for raw in raws))
    examine_thread([examine_mail(raw, tally) for raw in raws], tally)


def _guard(tally: Tally, keep: Path | None, raws: Sequence[bytes], check: Callable[[], None], name: str) -> None:
    before = tally.mails
    try:
        check()
    except Exception:  # noqa: BLE001 - that none is raised is what is looked for
        tally.findings.append(f"{name}: {traceback.format_exc(limit=-3)}")
        tally.mails = max(tally.mails, before + 1)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for at, raw in enumerate(raws):
                (keep / f"{len(tally.findings):03}-{at:02}.eml").write_bytes(raw)


def by_coverage(seconds: int, seeds: Sequence[Sequence[bytes]]) -> None:
    """Let atheris look for mails that take new paths; ends the process."""
    import atheris  # noqa: PLC0415 - optional: it has wheels for some machines only

    chosen = [raw for thread in seeds for raw in thread]

    def one(data: bytes) -> None:
        message = examine_mail(data, Tally())
        examine_thread([message], Tally())

    def vary(data: bytes, size: int, seed: int) -> bytes:
        return Mutator(random.Random(seed), chosen).mutate(data)[:size]  # noqa: S311

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-max_len=65536"], one, custom_mutator=vary)
    atheris.Fuzz()


def main() -> int:
    """Run, and print the figures; 1 when something was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mails", type=int, default=10_000)
    options.add_argument("--logs", type=int, default=1_000, help="how many consoles and results")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", type=Path, default=None, help="a folder for the mails that were too much")
    options.add_argument("--coverage", type=int, metavar="SECONDS", help="let atheris look, for so long")
    chosen = options.parse_args()
    seeds = read_seeds()
    if chosen.coverage:
        by_coverage(chosen.coverage, seeds)
    started = time.perf_counter()
    tally = run(chosen.mails, seed=chosen.seed, seeds=seeds, keep=chosen.keep)
    print("\n".join(tally.findings[:20]))  # noqa: T201
    print(  # noqa: T201
        f"{tally.mails} mails from {len(seeds)} threads in {time.perf_counter() - started:.0f} s: "
        f"{len(tally.findings)} findings; {tally.accounted} accounted for once and {tally.copies} copies of those, "
        f"in {tally.threads} threads; slowest mail "
        f"{tally.slowest[0]:.2f} s ({tally.slowest[1]} bytes), slowest thread {tally.slowest_thread[0]:.2f} s "
        f"({tally.slowest_thread[1]} mails)"
    )
    logs = run_logs(chosen.logs, seed=chosen.seed)
    print("\n".join(logs.findings[:20]))  # noqa: T201
    print(  # noqa: T201
        f"{logs.logs} logs: {len(logs.findings)} findings; {logs.results} results and {logs.events} complaints read; "
        f"slowest {logs.slowest[0]:.2f} s ({logs.slowest[1]} bytes)"
    )
    return 1 if tally.findings or logs.findings else 0


if __name__ == "__main__":
    sys.exit(main())
