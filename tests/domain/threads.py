"""Invented threads for the tests of the mail domain: posts with diffs that look like the real ones."""

import itertools
from datetime import timedelta
from email.utils import format_datetime

from app.domain.message import Message, parse_message
from app.domain.series import Conversation, Revision, parse_threads
from tests.mails import POSTED

ANN = "Ann Author <ann@example.org>"
BEN = "Ben Builder <ben@example.net>"
REX = "Rex Reviewer <rex@example.com>"


def change(name: str = "core", lines: int = 4, salt: str = "") -> str:
    """Return a diff of one file that adds `lines` lines told apart by `salt`."""
    added = "\n".join(f"+\tcall_{name}_{number}{salt}(state);" for number in range(lines))
    return (
        f"diff --git a/kernel/bpf/{name}.c b/kernel/bpf/{name}.c\n"
        f"index 0123456789ab..ba9876543210 100644\n"
        f"--- a/kernel/bpf/{name}.c\n"
        f"+++ b/kernel/bpf/{name}.c\n"
        f"@@ -10,3 +10,{3 + lines} @@ static int {name}(void)\n"
        f" \tint err;\n \tint done;\n{added}\n \treturn 0;\n"
    )


class Thread:
    """Collects mails; every one is a minute later than the one before."""

    def __init__(self) -> None:
        self._minutes = itertools.count()
        self.messages: list[Message] = []

    def post(
        self,
        subject: str,
        *,
        to: str | None = None,
        author: str = ANN,
        message_id: str | None = None,
        diff: str | None = None,
        body: str = "What it is about.\n",
        minute: int | None = None,
        headers: tuple[str, ...] = (),
    ) -> str:
        """Add a mail; return its Message-ID. `to` is the Message-ID that it answers."""
        next_minute = next(self._minutes)
        at = POSTED + timedelta(minutes=next_minute if minute is None else minute)
        key = message_id or f"m{len(self.messages)}@example.org"
        lines = [
            f"From: {author}",
            f"Subject: {subject}",
            f"Message-ID: <{key}>",
            f"Date: {format_datetime(at)}",
            *headers,
        ]
        if to is not None:
            lines += [f"In-Reply-To: <{to}>", f"References: <{to}>"]
        text = body + (f"\nSigned-off-by: {author}\n---\n core.c | 4 ++++\n\n{diff}-- \n2.43.0\n" if diff else "")
        self.messages.append(parse_message(("\n".join(lines) + "\n\n" + text).encode()))
        return key

    def series(
        self,
        prefix: str,
        count: int,
        *,
        name: str = "core",
        to: str | None = None,
        cover: bool = True,
        title: str = "bpf: Make it so",
        author: str = ANN,
        salt: str = "",
    ) -> list[str]:
        """Add a cover and its patches threaded below it as `git send-email` does; return the Message-IDs."""
        keys: list[str] = []
        if cover:
            keys.append(self.post(f"[{prefix} 0/{count}] {title}", to=to, author=author))
        for position in range(1, count + 1):
            parent = keys[0] if keys else to
            keys.append(
                self.post(
                    f"[{prefix} {position}/{count}] {name}: Step {position}",
                    to=parent,
                    author=author,
                    diff=change(f"{name}{position}", salt=salt),
                )
            )
        return keys

    def read(self) -> Conversation:
        """Read everything posted; every mail must be accounted for once."""
        conversation = parse_threads(self.messages)
        accounted = message_ids(conversation)
        assert sorted(accounted) == sorted({message.message_id for message in self.messages})
        return conversation

    def revisions(self) -> tuple[Revision, ...]:
        """Read a thread that has to be one series."""
        (series,) = self.read().series
        return series.revisions


def message_ids(conversation: Conversation) -> list[str]:
    """Return every Message-ID that is a cover, own patch, comment or other, as often as it is one."""
    found = [other.message.message_id for other in conversation.other]
    for series in conversation.series:
        for revision in series.revisions:
            found += [revision.cover.message_id] if revision.cover else []
            found += [patch.message.message_id for patch in revision.patches if patch.inherited_from is None]
            found += [comment.message.message_id for comment in revision.comments]
    return found


def shape(revision: Revision) -> tuple[str, list[int | str]]:
    """Return a revision's label and positions; an inherited one as `position<label`."""
    return revision.label, [
        patch.position if patch.inherited_from is None else f"{patch.position}<{patch.inherited_from}"
        for patch in revision.patches
    ]


def outline(conversation: Conversation) -> str:
    """Return what was read as a few lines that a person can check against the mails."""
    lines: list[str] = []
    for series in conversation.series:
        lines.append(f"series: {series.title} ({series.author.email})")
        lines += [f"  {_revision_line(revision)}" for revision in series.revisions]
    lines += [f"other: {other.kind}: {other.message.subject}: {other.reason}" for other in conversation.other]
    return "\n".join(lines) + "\n"


def _revision_line(revision: Revision) -> str:
    label, positions = shape(revision)
    facts = [f"{label}: {' '.join(map(str, positions)) or 'nothing'} of {revision.total}"]
    facts += ["cover"] * (revision.cover is not None) + ["resend"] * revision.resend
    facts += [f"tags {' '.join(revision.tags)}"] * bool(revision.tags)
    facts += [f"missing {' '.join(map(str, revision.missing))}"] * bool(revision.missing)
    facts += [f"needs {need.kind} {need.value}" for need in revision.prerequisites]
    if revision.comments:
        at = [str(comment.patch_position or "cover") for comment in revision.comments]
        facts.append(f"comments at {' '.join(at)}")
    if revision.link:
        facts.append(f"follows {revision.link.to}: {revision.link.reason}")
    return "; ".join(facts)
