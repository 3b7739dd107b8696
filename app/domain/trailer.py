"""Trailers: what people put their name to, and what tools say about a series (git-interpret-trailers(1), b4)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.domain.address import Address, parse_person
from app.domain.message_id import id_in_url, ids_in_header

MAX_TRAILERS = 200

_PERSON = re.compile(
    r"(?P<name>(?:Reviewed|Acked|Tested|Reported|Suggested|Signed-off|Co-developed|Co-authored|Nacked|Requested|"
    r"Debugged|Based-on-patch|Reviewed-and-tested|Acked-and-tested|Tested-and-reviewed|Reported-and-tested|"
    r"Originally|Diagnosed|Bisected|Analyzed|Inspired|Assisted)-by|Cc)\s*:\s*(?P<value>\S.*)",
    re.IGNORECASE,
)
_THING = re.compile(r"(?P<name>Fixes|Closes|Link|Reported-at|Bug|Message-ID)\s*:\s*(?P<value>\S.*)", re.IGNORECASE)
_BASE = re.compile(r"^base-commit:[ \t]*([0-9a-f]{7,64})\b", re.MULTILINE | re.IGNORECASE)
# Gerrit writes `Change-Id: I<40 hex>` into every single commit: that names a patch, not a series.
_CHANGE_ID = re.compile(r"^change-id:[ \t]*(?!I[0-9a-f]{40}\b)(\S{1,200})", re.MULTILINE | re.IGNORECASE)
_BUG_REPORT = re.compile(r"https?://\S|#?\d|[\w./-]{1,60}#\d")
_PREREQUISITE = re.compile(
    r"^(prerequisite-(?:patch|change|message)-id|based-on|depends-on|supersedes):[ \t]*(\S.{0,500})",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """One `Name: value` line; `person` is set where the value names one, `agrees` where it is the mail's sender."""

    name: str
    value: str
    person: Address | None
    agrees: bool


class PrerequisiteKind(StrEnum):
    """How a series names what it needs."""

    PATCH_ID = "patch-id"
    CHANGE_ID = "change-id"
    MESSAGE_ID = "message-id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prerequisite:
    """Something that must be applied before the series; `value` is a bare id of the kind."""

    kind: PrerequisiteKind
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a posting says about itself in machine-readable lines."""

    base_commit: str | None
    change_id: str | None
    prerequisites: tuple[Prerequisite, ...]
    supersedes: tuple[str, ...]


def parse_trailers(text: str, *, sender: Address) -> tuple[Trailer, ...]:
    """The trailers on unquoted lines of a mail's text, in order, each once.

    `agrees` compares with the sender by address, or by name where the address differs (people review from one
    address and sign with another).
    """
    found: dict[tuple[str, str], Trailer] = {}
    for line in text.split("\n"):
        if len(found) >= MAX_TRAILERS:
            break
        if ":" not in line[:40] or len(line) > 1000:
            continue
        match = _PERSON.fullmatch(line.strip()) or _THING.fullmatch(line.strip())
        if match is None:
            continue
        name, value = _spelled(match["name"]), match["value"].strip()
        person = parse_person(value) if name.endswith("-by") or name == "Cc" else None
        found.setdefault((name, value), Trailer(name=name, value=value, person=person, agrees=_same(person, sender)))
    return tuple(found.values())


def given(trailers: Iterable[Trailer]) -> tuple[Trailer, ...]:
    """Those that a reply gives to a patch: reviews, acks, tests, reports and what is fixed.

    `Bug` names a report: the first line of a kernel's complaint (`BUG: KASAN: ...`) only looks like one.
    """
    not_given = ("Cc", "Link", "Signed-off-by", "Message-ID")
    return tuple(
        each
        for each in trailers
        if each.name not in not_given and (each.name != "Bug" or _BUG_REPORT.match(each.value))
    )


def _spelled(name: str) -> str:
    # git spells every trailer the same way: first letter capital, the rest small.
    return name[:1].upper() + name[1:].lower()


def _same(person: Address | None, sender: Address) -> bool:
    if person is None:
        return False
    if person.key and person.key == sender.key:
        return True
    return bool(person.name) and person.name.lower() == sender.name.lower()


def parse_declared(text: str) -> Declared:
    """base-commit, change-id, prerequisites and what is superseded, from a cover letter's or a patch's text.

    Lines inside quotes or diffs do not begin with the name, so they do not count. A change-id on a prerequisite's
    line is the prerequisite's, not the series'.
    """
    base, change = _BASE.search(text), _CHANGE_ID.search(text)
    prerequisites: dict[Prerequisite, None] = {}
    supersedes: list[str] = []
    for line in _PREREQUISITE.finditer(text):
        name, value = line[1].lower(), line[2].strip()
        if name == "supersedes":
            supersedes.extend(_message_ids(value))
        elif len(prerequisites) < MAX_TRAILERS:
            prerequisites.update(dict.fromkeys(_prerequisites(name, value)))
    return Declared(
        base_commit=base[1].lower() if base else None,
        change_id=change[1] if change else None,
        prerequisites=tuple(prerequisites),
        supersedes=tuple(supersedes[:20]),
    )


def _prerequisites(name: str, value: str) -> tuple[Prerequisite, ...]:
    if name == "prerequisite-patch-id":
        return (Prerequisite(kind=PrerequisiteKind.PATCH_ID, value=value.split(maxsplit=1)[0]),)
    if name == "prerequisite-change-id":
        # b4 adds the revision: `prerequisite-change-id: <id>:v3`.
        return (Prerequisite(kind=PrerequisiteKind.CHANGE_ID, value=value.split(maxsplit=1)[0]),)
    return tuple(Prerequisite(kind=PrerequisiteKind.MESSAGE_ID, value=each) for each in _message_ids(value))


def _message_ids(value: str) -> tuple[str, ...]:
    in_url = id_in_url(value.split(maxsplit=1)[0]) if value.lower().startswith("http") else None
    return (in_url,) if in_url else ids_in_header(value)
