"""Which comments ask for something: what is said beyond courtesy, and by whom."""

import re
from collections.abc import Iterable, Sequence

from app.domain.address import Address
from app.domain.bot_report import BotStatus, read_bot_report
from app.domain.review import Comment
from app.domain.series import Revision
from app.domain.trailer import parse_trailers

MAX_TEXT = 1 << 17

_COURTESY = re.compile(
    r"(?:hi|hello|hey|dear)\b.{0,60}|(?:many )?(?:thanks|thank you|thx|cheers)\b.{0,60}"
    r"|(?:best|kind|warm)? ?regards.{0,40}"
    r"|(?:this |the |whole |entire )*(?:it |series |set |patch(?:es|set)? |change |fix |code )?"
    r"(?:lgtm|looks? (?:very |really |all )?(?:good|great|fine|ok|okay|nice|reasonable|correct)(?: to me| now)?)"
    r"(?: and (?:thanks|thank you)\b.{0,80})?"
    r"|(?:very |really )?(?:nice|good|great)(?: work| job| catch| cleanup| fix| find| idea| point)?"
    r"|(?:ok|okay|sure|yes|yep|agreed?|ack|fine|makes sense|sounds good|no problem|fair enough|i see|indeed)"
    r"|(?:applied|queued|merged|pushed|picked)\b.{0,80}|pw-bot: .{1,40}|#syz .{1,80}",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(r"(?:on|am|le|el)\b.*\d{4}.*|.*\b(?:wrote|writes|schrieb|a écrit) ?:", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?,;](?:\s+|$)|\n")
_LONG = 300  # characters; a longer line is no greeting


def own_words(text: str, author: Address) -> str:
    """What somebody says beyond quotes, trailers, greetings, thanks, agreement and their name; "" for nothing."""
    trailers = {f"{each.name}: {each.value}".lower() for each in parse_trailers(text, sender=author)}
    said: list[str] = []
    gave = False
    for line in text[:MAX_TEXT].split("\n"):
        bare = line.strip()
        if bare in ("--", "---") and (said or gave):
            break  # the signature
        if bare.lower() in trailers:
            gave = True
        elif bare and not line.startswith(">") and not (len(bare) < _LONG and _ATTRIBUTION.fullmatch(bare)):
            said.append(bare)
    if said and _signs(said[-1], author, polite=gave if len(said) == 1 else _is_courtesy(said[-2])):
        said.pop()
    return "\n".join(part for part in _SENTENCE.split("\n".join(said)) if part and not _is_courtesy(part))


def _is_courtesy(part: str) -> bool:
    bare = part.strip(" .,!:;)(-")
    return not bare or (len(bare) < _LONG and _COURTESY.fullmatch(bare) is not None)


def _signs(line: str, author: Address, *, polite: bool) -> bool:
    """Whether a last line is a name: the author's, part of it, or after a word of thanks any (a nickname)."""
    word = line.strip(" -,.!").lower()
    return word == author.name.lower() or word in author.name.lower().split() or (polite and word.isalpha())


def asks(comment: Comment, authors: Iterable[Address]) -> bool:
    """Whether a comment wants something of the series: not the author's own, no pure trailer, thanks or approval.

    A bot's does when it is a review: what a bot says of tests it says of one revision.
    """
    if comment.bot is not None:
        return bool(comment.anchors) or read_bot_report(comment.message, comment.bot).status is BotStatus.FINDINGS
    if any(_is_same(comment.author, author) for author in authors):
        return False
    return bool(own_words(comment.message.body, comment.author))


def _is_same(one: Address, other: Address) -> bool:
    same_name = bool(one.name) and one.name.lower() == other.name.lower()
    return same_name or (bool(one.key) and one.key == other.key)


def opening_comments(revision: Revision, authors: Sequence[Address]) -> tuple[Comment, ...]:
    """The comments of a revision that ask for something and do not go on with what another one asks."""
    above = {each.message.message_id: each for each in revision.comments}
    asking = {key for key, each in above.items() if asks(each, authors)}

    def goes_on(comment: Comment) -> bool:
        seen = {comment.message.message_id}
        key = comment.answers
        while key in above and key not in seen:
            # What a person adds to a bot's findings is theirs; what comes of that is talk.
            if key in asking and not (above[key].is_bot and key == comment.answers and not comment.is_bot):
                return True
            seen.add(key)
            key = above[key].answers
        return False

    return tuple(each for key, each in above.items() if key in asking and not goes_on(each))
