"""What a subject says: `[PATCH bpf-next v4 0/8] title` in all the shapes that lists have seen."""

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_TOTAL = 1999

# Mailers write all but "re" and "fw" with a capital; `rv:`, `tr:` or `vs:` is where a patch goes.
_REPLY = re.compile(
    r"(?:(?i:re|fwd?|forwarded|antw|antwort|reply)|A[Ww]|S[Vv]|V[Ss]|W[Gg]|T[Rr]|R[Vv]|R[Ii][Ff]|O[Dd][Pp]|Y[Nn][Tt]|RES|Res|R|"
    r"Ответ|回复|答复|回覆|答覆|转发|轉寄)\s*(?:\[\d+\]|\(\d+\))?\s*[:\uff1a]\s*"
)
# What people write before the brackets or without any.
_WORD_BEFORE = re.compile(r"(RESEND|REPOST|RFC)\s*:?\s*(?=\[)", re.IGNORECASE)
_BARE = re.compile(
    r"\[?((?:RFC\s+)?PATCH(?:\s*v\d{1,3})?(?:\s+\d{1,4}\s*/\s*\d{1,4})?\s*[:\]]|"
    r"(?:(?:RFC\s+)?PATCH\s*)?(?:v\d{1,3}(?:\.\d{1,2})?\s+)\d{1,4}/\d{1,4}(?=[:\]\s]))[:\]\s]*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\d./-])(\d{1,4})\s*(?:[/\\]|of)\s*(\d{1,4})(?![\d/]|[.-]\d)", re.IGNORECASE)
_OPEN_NUMBER = re.compile(r"(?<![\d./-])(\d{1,3})/[nmx?](?![a-z0-9])", re.IGNORECASE)  # `3/n`
_PATCH = re.compile(r"(?:(?<![a-z])|(?<=rfc))patch(?:es|[ -]?set|series)?(?![a-uw-z])(?!v[a-z])", re.IGNORECASE)
_VERSION = re.compile(r"(?:v|ver|version|rev)[.-]?(\d{1,3})(?:\.(\d{1,2})|([a-d]))?", re.IGNORECASE)
_KERNEL = re.compile(r"v?\d+\.\d+(?:\.\d+|\.y|-rc\d+|-stable|-lts)+|\d\.\d{1,2}|linux-\d+\.\d+\.y", re.IGNORECASE)
# `v6.1` alone is a kernel when it is one that is maintained for long, and a revision (6, resent as 6.1) when not.
_LONG_TERM = re.compile(r"v(?:[4-9]\.0|4\.(?:4|9|14|19)|5\.(?:4|10|15)|6\.(?:1|6|12|18)|\d\.\d\d)", re.IGNORECASE)
_KERNEL_NUMBER = re.compile(r"(?:v|linux-)?(\d+\.\d+)(?:\.|-|$)", re.IGNORECASE)
_RFC = re.compile(r"rfc-?(?:v(\d{1,3}))?", re.IGNORECASE)
_RESEND = re.compile(r"(?:resend|resent|repost|re-send|re-post)(?:-?v(\d{1,3})|\d{0,2})", re.IGNORECASE)
# `v2-RESEND`, `RFC/RFT`, `RESEND_v2`: words glued together of which each says something.
_GLUED = re.compile(
    r"(?<=[a-z0-9])[-/_](?=(?:rfc|rft|resend|repost|v\d{1,3})(?![a-z0-9.]))|(?<=rfc)[-/_]|(?<=resend)[-/_]",
    re.IGNORECASE,
)
_SPACED_VERSION = re.compile(r"(?<![a-z0-9])(?:v|ver|version|rev) (?=\d{1,2}(?![\d./]))", re.IGNORECASE)
_HYPHENED_NUMBER = re.compile(r"(?<=v\d)-(?=\d{1,4}/\d)", re.IGNORECASE)
_TREE_AND_VERSION = re.compile(r"(?<=-next)(?=v\d{1,2}(?!\S))", re.IGNORECASE)
_PULL = re.compile(r"\[[^\]]*\bpull\b|^(?:git )?pull request\b|^please pull\b", re.IGNORECASE)
# Mails of programs and maintainers that carry a diff to say that it was taken, dropped, or does not apply: tip-bot,
# Andrew Morton's mm-commits, Greg Kroah-Hartman's and Sasha Levin's stable-commits; announcements and bug reports.
_NOTICE = re.compile(
    r"\[tip: ?[^\]]+\]|[+-] \S+\.patch (?:added to|removed from)\b|\[[^\]]+\] \S+\.patch (?:added to|removed from)\b|"
    r"patch \".*\" has been (?:added to|dropped from|removed from)\b|failed: patch \"|"
    r"\[(?:announce|announcement|bug|bug report|regression|question|syzbot)\b"
    r"(?![^\]]*(?:fix|patch))[^\]]*\](?!.*\[(?:rfc |resend )?patch)",
    re.IGNORECASE,
)
_MAINLINE = tuple(f"-rc{number}" for number in range(1, 10))
# Projects whose patches travel on kernel lists but belong to no kernel tree.
_ELSEWHERE = re.compile(
    r"(?:iproute2?|ethtool|iptables|nft(?:ables)?|libnftnl|conntrack-tools|dwarves|pahole|xfstests|fstests|ltp|b4|blktests|"
    r"kvm-unit-tests|kvmtool|qemu|man-pages|util-linux|e2fsprogs|btrfs-progs|xfsprogs|nfs-utils|libtraceevent|libtracefs|"
    r"trace-cmd|rdma-core|mdadm|smatch|sparse|lksctp-tools|bluez|wireless-regdb|linux-firmware|dtc|crash|kexec-tools)"
    r"(?:-(?:next|main|master))?",
    re.IGNORECASE,
)
_KERNEL_TREE = re.compile(
    r"(?:bpf|net|mm|linux|tip|rdma|wireless|kvm|rcu|sched|trace|tracing|perf)(?:-.*)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A subject taken apart. Unnumbered is position 1 of 1 with `numbered` False; a cover is position 0.

    The total of `3/n` is 0.
    `is_notice` says that the mail is about a patch, or an announcement, even if it carries a diff.
    """

    title: str
    is_reply: bool
    is_patch: bool
    is_pull: bool
    is_notice: bool
    version: int
    minor: int | None
    versioned: bool
    position: int
    total: int
    numbered: bool
    rfc: bool
    resend: bool
    tags: tuple[str, ...]

    @property
    def elsewhere(self) -> str | None:
        """The tag that says the patch is for another project than the kernel, if there is one.

        Beside the tag of a kernel tree it is only a topic: `[PATCH net-next ethtool]`.
        """
        elsewhere = [tag for tag in self.tags if _ELSEWHERE.fullmatch(tag)]
        in_kernel = any(_KERNEL_TREE.fullmatch(tag) for tag in self.tags if tag not in elsewhere)
        return elsewhere[0] if elsewhere and not in_kernel else None


@dataclass(slots=True)
class _Reading:
    patch: bool = False
    rfc: bool = False
    resend: bool = False
    number: tuple[int, int] | None = None
    version: tuple[int, int | None] | None = None
    tags: list[str] | None = None


def parse_subject(text: str) -> Subject:
    """Read a decoded subject; never fails. Only what stands in brackets before the title counts."""
    return _read(text[:2000])


@lru_cache(maxsize=2048)
def _read(text: str) -> Subject:
    """Read it: each of the several readers of a batch of mails asks for its subject."""
    rest = " ".join(text.split())
    is_reply, groups, title = _prefixes(rest)
    reading = _Reading(tags=[])
    for group in groups:
        _read_group(group, reading)
    if not groups and (bare := _BARE.match(title)):
        _read_group(bare[1], reading)
        title = title[bare.end() :]
    version, minor = reading.version or (1, None)
    position, total = reading.number or (1, 1)
    return Subject(
        title=title.strip(),
        is_reply=is_reply,
        is_patch=reading.patch or reading.number is not None,
        is_pull=bool(_PULL.search(rest[:200])),
        is_notice=bool(_NOTICE.match(rest[:1000])),
        version=version,
        minor=minor,
        versioned=reading.version is not None,
        position=position,
        total=total,
        numbered=reading.number is not None,
        rfc=reading.rfc,
        resend=reading.resend,
        tags=tuple(dict.fromkeys(reading.tags or ())),
    )


def kernel_of(tag: str) -> str | None:
    """The number of the kernel that a tag names, `6.1` of `v6.1.y`, or None for any other tag."""
    found = _KERNEL_NUMBER.match(tag)
    return found[1] if found and not tag.lower().endswith(_MAINLINE) else None


def _prefixes(rest: str) -> tuple[bool, list[str], str]:
    """Whether it is a reply, the contents of the leading brackets, and the title."""
    is_reply = False
    groups: list[str] = []
    while rest and len(groups) < 20:
        if reply := _REPLY.match(rest):
            is_reply, rest = True, rest[reply.end() :]
        elif word := _WORD_BEFORE.match(rest):
            groups.append(word[1])
            rest = rest[word.end() :]
        elif rest[0] == "[":
            end = _closing(rest)
            if end < 0:
                break
            groups.append(rest[1:end])
            rest = rest[end + 1 :].lstrip(" :")
        else:
            break
    return is_reply, groups, rest


def _closing(text: str) -> int:
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if depth == 0:
            return at
    return text.find("]")


def _read_group(group: str, reading: _Reading) -> None:
    content = _SPACED_VERSION.sub("v", group.replace("[", " ").replace("]", " "))
    content = _TREE_AND_VERSION.sub(" ", _HYPHENED_NUMBER.sub(" ", content))
    marked = _PATCH.sub(" PATCH ", content)
    for number in _NUMBER.finditer(marked):
        position, total = int(number[1]), int(number[2])
        if total <= MAX_TOTAL and position <= MAX_TOTAL:
            reading.number = reading.number or (position, total)
    marked = _NUMBER.sub(" ", marked) if reading.number else marked
    if found := _OPEN_NUMBER.search(marked):
        reading.number = reading.number or (int(found[1]), 0)
        marked = _OPEN_NUMBER.sub(" ", marked)
    for token in re.split(r"[\s,;:|()]+", marked):
        for word in _GLUED.split(token):
            if stripped := word.strip("/+.&_#"):
                _read_word(stripped, reading)


def _read_word(word: str, reading: _Reading) -> None:
    if word == "PATCH":
        reading.patch = True
    elif rfc := _RFC.fullmatch(word):
        reading.rfc = True
        _version(reading, rfc[1], None)
    elif resend := _RESEND.fullmatch(word):
        reading.resend = True
        _version(reading, resend[1], None)
    elif _KERNEL.fullmatch(word) or _LONG_TERM.fullmatch(word):
        _tag(reading, word)
    elif version := _VERSION.fullmatch(word.lstrip("-")):
        # `V3a` is to V3 what 3.1 would be.
        _version(reading, version[1], version[2] or (version[3] and str(" abcd".index(version[3].lower()))))
    elif word.strip("-").upper() not in ("", "GIT", "PULL"):
        _tag(reading, word)


def _version(reading: _Reading, major: str | None, minor: str | None) -> None:
    if major is None:
        return
    new = (int(major), int(minor) if minor else None)
    if reading.version is None or new[0] > reading.version[0]:
        reading.version = new


def _tag(reading: _Reading, token: str) -> None:
    if reading.tags is not None and len(reading.tags) < 20:
        reading.tags.append(token[:100])
