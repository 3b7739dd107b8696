"""What a person decided about which postings are one work; stronger than anything read from mails."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

Member = TypeVar("Member")


class DecisionKind(StrEnum):
    """LINK joins two works; SPLIT cuts a work before a posting; MOVE takes one posting over into another work."""

    LINK = "link"
    SPLIT = "split"
    MOVE = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision. Postings are named by the Message-ID of their cover or any of their own patches.

    `to` names the posting that is linked or moved to; without it a MOVE makes the posting a work of its own.
    """

    kind: DecisionKind
    message_id: str
    to: str | None = None


def decide(
    works: list[list[Member]],
    decisions: Iterable[Decision],
    posting_of: Callable[[str], Member | None],
    in_order: Callable[[list[Member]], list[Member]],
) -> list[tuple[Member, Member]]:
    """Change `works` as decided, one decision after the other; `in_order` puts a work into that of its revisions.

    Returns the pairs that a person put together. A decision on a mail that is not at hand waits for it.
    """
    joined: list[tuple[Member, Member]] = []
    for decision in decisions:
        subject = posting_of(decision.message_id)
        target = posting_of(decision.to) if decision.to is not None else None
        if subject is None or (decision.to is not None and target is None) or subject is target:
            continue
        home = next(work for work in works if subject in work)
        if decision.kind is DecisionKind.SPLIT:
            at = home.index(subject)
            works.append(home[at:])
            del home[at:]
        elif target is not None and target in home and decision.kind is DecisionKind.LINK:
            joined.append((subject, target))
        else:
            moved = [subject] if decision.kind is DecisionKind.MOVE else home[:]
            home[:] = [member for member in home if member not in moved]
            if target is None:
                works.append(moved)
            else:
                joining = next(work for work in works if target in work)
                joining[:] = in_order([*joining, *moved])
                joined.append((subject, target))
    works[:] = [work for work in works if work]
    return joined
