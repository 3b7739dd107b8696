"""Works of several authors at once, posted in all customs: what was made up is what has to be read."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest

from app.domain.message import parse_message
from app.domain.series import Conversation, parse_threads
from tests.domain.threads import change
from tests.mails import POSTED

AUTHORS = ("Ann Author <ann@example.org>", "Ben Builder <ben@example.net>", "cyd <cyd@example.com>")
NOUNS = [
    "map",
    "verifier",
    "sockmap",
    "ringbuf",
    "arena",
    "kfunc",
    "iterator",
    "dynptr",
    "trampoline",
    "cgroup",
    "netkit",
    "xdp",
    "veth",
    "kprobe",
]
VERBS = ["Add", "Fix", "Rework", "Remove", "Convert", "Allow", "Reject", "Support", "Simplify", "Split"]
STYLES = (
    "[PATCH {tag}{ v} {n}/{of}]",
    "[PATCH{ v} {tag} {n:02}/{of:02}]",
    "[{tag},{v,}{n}/{of}]",
    "[PATCH{v} {tag} {n}/{of}]",
    "[{tag} PATCH{ V} {n} of {of}]",
    "[PATCH][{tag}]{[v]} [{n}/{of}]",
    "[PATCH {tag} {n}/{of}{ v}]",
)

Work = tuple[tuple[int, str | None, tuple[str, ...]], ...]


def prefix(style: str, tag: str, version: int, number: int, total: int) -> str:
    says = {"{ v}": f" v{version}", "{v,}": f"v{version},", "{v}": f"v{version}", "{ V}": f" V{version}"}
    for mark, said in (says | {"{[v]}": f"[v{version}]"}).items():
        style = style.replace(mark, said if version > 1 else "")
    return style.format(tag=tag, n=number, of=total)


@dataclass
class Archive:
    """Mails, and what they are: works as (version, cover, patches), and comments by what they answer."""

    choose: random.Random
    mails: list[bytes] = field(default_factory=list)
    works: set[Work] = field(default_factory=set)
    comments: set[str] = field(default_factory=set)

    def mail(
        self, key: str, subject: str, at: datetime, author: str, *, to: str | None = None, diff: str | None = None
    ) -> str:
        answers = f"In-Reply-To: <{to}>\nReferences: <{to}>\n" if to else ""
        text = f"Why.\n\nSigned-off-by: {author}\n---\n{diff}-- \n2.43.0\n" if diff else "> said\n\nText.\n"
        head = f"From: {author}\nSubject: {subject}\nMessage-ID: <{key}>\nDate: {format_datetime(at)}\n{answers}\n"
        self.mails.append((head + text).encode())
        return key

    def work(self, number: int) -> None:
        pick = self.choose.choice
        author, tag, style, area = pick(AUTHORS), pick(("bpf-next", "bpf", "net-next")), pick(STYLES), pick(NOUNS)
        total, threading, has_cover = self.choose.randint(1, 5), pick(("flat", "deep", "none")), pick((True, False))
        titles = [f"{area}: {pick(VERBS)} {pick(NOUNS)} {pick(NOUNS)} {number}{at}" for at in range(total)]
        name = f"{area}: {pick(VERBS)} the {pick(NOUNS)} and {pick(NOUNS)} of {pick(NOUNS)}"
        at, before, revisions = POSTED + timedelta(minutes=self.choose.randint(0, 600)), None, []
        for version in range(1, self.choose.randint(1, 4) + 1):
            run = f"{20260302000000 + self.choose.randint(0, 10**8)}.{self.choose.randint(1, 99999)}"
            base, cover, patches, sent = pick((None, before)), None, [], []
            if has_cover:
                subject = f"{prefix(style, tag, version, 0, total)} {name}"
                cover = self.mail(f"{run}-1-x@example.org", subject, at, author, to=base)
                sent.append((cover, subject))
            for position, title in enumerate(titles, 1):
                at += timedelta(seconds=pick((0, 1, 30)))
                over = {"flat": sent[:1], "deep": sent[-1:], "none": []}[threading]
                subject = f"{prefix(style, tag, version, position, total)} {title}"
                diff = change(f"{area}{number}_{position}", lines=6 + pick((0, version)))
                to = over[0][0] if over else None if threading == "none" else base
                key = self.mail(f"{run}-{position + 1}-x@example.org", subject, at, author, to=to, diff=diff)
                patches.append(key)
                sent.append((key, subject))
            for _ in range(self.choose.randint(0, 2)):
                to, subject = pick(sent)
                key = f"c{len(self.mails)}@example.com"
                self.mail(key, f"Re: {subject}", at + timedelta(hours=1), "Rex <rex@example.com>", to=to)
                self.comments.add(key)
            revisions.append((version, cover, tuple(patches)))
            before = sent[0][0]
            at += timedelta(days=self.choose.randint(1, 9))
        self.works.add(tuple(revisions))


def works_in(conversation: Conversation) -> set[Work]:
    return {
        tuple(
            (
                revision.version,
                revision.cover.message_id if revision.cover else None,
                tuple(patch.message.message_id for patch in revision.patches if patch.inherited_from is None),
            )
            for revision in series.revisions
        )
        for series in conversation.series
    }


@pytest.mark.parametrize("seed", range(8))
def test_what_was_posted_is_what_is_read(seed: int) -> None:
    for at in range(20):
        archive = Archive(random.Random(f"{seed} {at}"))
        for number in range(archive.choose.randint(1, 4)):
            archive.work(number)
        archive.choose.shuffle(archive.mails)
        conversation = parse_threads([parse_message(raw) for raw in archive.mails])
        assert works_in(conversation) == archive.works
        revisions = [revision for series in conversation.series for revision in series.revisions]
        assert {each.message.message_id for one in revisions for each in one.comments} == archive.comments
        assert conversation.other == ()
