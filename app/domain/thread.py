"""Who answers whom: parents among the mails at hand, without loops."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from app.domain.message import Message


def deduplicate(messages: Iterable[Message]) -> dict[str, Message]:
    """The mails by Message-ID. Of copies of one mail the soundest is kept, with the lists of all."""
    kept: dict[str, Message] = {}
    for message in messages:
        other = kept.get(message.message_id)
        kept[message.message_id] = message if other is None else _merged(other, message)
    return kept


def _merged(one: Message, other: Message) -> Message:
    sound = min((one, other), key=_mangling)
    lists = tuple(dict.fromkeys((*one.list_ids, *other.list_ids)))
    return sound if lists == sound.list_ids else replace(sound, list_ids=lists)


def _mangling(message: Message) -> tuple[int, bool, bool, bool, int, bytes]:
    # Lists rewrite the sender, encode anew and add footers; the shorter of two copies has lost the least.
    rewritten = message.author.key != message.sender.key
    return (
        len(message.defects), message.diff is None, rewritten, not message.verbatim, len(message.body), message.raw
    )  # fmt: skip


def parents(messages: Mapping[str, Message]) -> dict[str, str | None]:
    """Of each mail the Message-ID of the nearest mail at hand that it answers, or None.

    In-Reply-To counts before References, of which the last counts before the first (RFC 5322, 3.6.4). A claim
    that would close a loop is not believed.
    """
    found: dict[str, str | None] = {}
    for message in messages.values():
        claims = ((message.in_reply_to,) if message.in_reply_to else ()) + message.references[::-1]
        found[message.message_id] = next((c for c in claims if c in messages and c != message.message_id), None)
    _cut_loops(found)
    return found


def _cut_loops(found: dict[str, str | None]) -> None:
    settled: set[str] = set()
    for start in found:
        path: list[str] = []
        on_path: set[str] = set()
        at: str | None = start
        while at is not None and at not in settled:
            path.append(at)
            on_path.add(at)
            following = found[at]
            if following in on_path:
                found[at] = following = None
            at = following
        settled.update(path)


def roots(messages: Mapping[str, Message], found: Mapping[str, str | None]) -> dict[str, str]:
    """Of each mail the id that names its thread: its topmost ancestor's, or what that one claims to answer."""
    tops = above(found, {key for key, parent in found.items() if parent is None})
    names = {}
    for key in found:
        top = messages[tops[key] or key]
        names[key] = next(iter(top.references), None) or top.in_reply_to or top.message_id
    return names


def above(found: Mapping[str, str | None], accepted: AbstractSet[str]) -> dict[str, str | None]:
    """Of each mail the nearest one over it (never itself) that is accepted, or None."""
    nearest: dict[str, str | None] = {}
    for start in found:
        path = []
        at: str | None = start
        while at is not None and at not in nearest:
            path.append(at)
            at = found[at]
        for key in reversed(path):
            parent = found[key]
            nearest[key] = parent if parent is None or parent in accepted else nearest[parent]
    return nearest
