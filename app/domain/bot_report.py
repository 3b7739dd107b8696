"""What a bot's mail says, as fields: passed or not, which job, how severe, which commit."""

import re
from dataclasses import dataclass
from enum import StrEnum

from app.domain.bots import Bot
from app.domain.message import Message
from app.domain.review import ELIDED

MAX_TEXT = 1 << 17
MAX_ENTRIES = 100

_STATUS = re.compile(r"^Status:\s+(\w+)", re.MULTILINE)
_FAILED_JOB = re.compile(r"^[ \t]*([\w./+-]{3,100}):[ \t]+https?://\S+/jobs?/\S+", re.MULTILINE)
_RUN_URL = re.compile(
    r"^(?:Matrix|CI run summary|url|Full report is available here|Report|dashboard link):\s*(https?://\S+)",
    re.IGNORECASE | re.MULTILINE,
)
_SEVERITY = re.compile(r"(?:\[|\bseverity: ?\**)(critical|high|medium|low)\b", re.IGNORECASE)
_APPLIED = re.compile(r"^This (?:series|patch|pull request) was applied to (\S+)(?: \(([^)\n]*)\))?", re.MULTILINE)
_APPLIED_AS = re.compile(
    r"^ {2}- (?:\[[^\]\n]*\] ?)*(.+)\n\s+(?:https?://\S*/c/([0-9a-f]{7,40})|\(([^)\n]*)\))", re.MULTILINE
)
_NOTICED = re.compile(r"noticed the following ([\w -]{1,60}?)(?: on\b[^\n]*)?:", re.IGNORECASE)
_BUILD_TEST = re.compile(r"^\[auto build test (\w+) on (\S+?)\]", re.MULTILINE)
_NEW_LINE = re.compile(r"^>> (\S.*)", re.MULTILINE)
_CONFIG = re.compile(r"^config:\s+(\S+)", re.MULTILINE)
_SYZBOT_FOUND = re.compile(r"found the following issues?:\n((?:.+\n)+)")
_COMMIT = re.compile(r"^(?:commit|base|HEAD commit|head):\s+([0-9a-f]{7,40})\b", re.MULTILINE | re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.?!]) ")
_MERGED = re.compile(r"has been merged into (\S+?):\s+https?://\S*/c?/?([0-9a-f]{12,40})")


class BotStatus(StrEnum):
    """What a bot concludes."""

    PASSED = "passed"
    FAILED = "failed"
    FINDINGS = "findings"
    APPLIED = "applied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotReport:
    """The fields of a bot's mail; empty where it says nothing.

    `jobs` are the failing jobs, `severity` the gravest that is named, `findings` the new errors or the titles of what
    was found, `commit` the tested base, `tree` where it was tested or applied, `applied_as` pairs of title and commit.
    """

    bot: Bot
    status: BotStatus
    jobs: tuple[str, ...]
    severity: str | None
    findings: tuple[str, ...]
    commit: str | None
    tree: str | None
    applied_as: tuple[tuple[str, str], ...]
    url: str | None


def read_bot_report(message: Message, bot: Bot) -> BotReport:
    """Read a mail that `app.domain.bots.identify` took for a bot's; what is not understood is UNKNOWN."""
    text = "\n".join(
        line for line in message.body[:MAX_TEXT].split("\n") if not line.startswith(">") or line[:3] == ">> "
    )
    applied = _APPLIED.search(text) or _MERGED.search(text)
    build = _BUILD_TEST.search(text)
    return BotReport(
        bot=bot,
        status=_status(text, bot),
        jobs=_jobs(text, bot),
        severity=_severity(text),
        findings=_points(message.body[:MAX_TEXT]) if bot is Bot.BPF_CI_REVIEW else _findings(text),
        commit=found[1] if (found := _COMMIT.search(text)) else None,
        tree=applied[1] if applied else build[2] if build else None,
        applied_as=_applied_as(text),
        url=found[1] if (found := _RUN_URL.search(text)) else None,
    )


_CONCLUSIONS = {"success": BotStatus.PASSED, "failure": BotStatus.FAILED, "conflict": BotStatus.FAILED}
_PHRASES = (
    (_APPLIED, BotStatus.APPLIED),
    (_MERGED, BotStatus.APPLIED),
    (_NOTICED, BotStatus.FAILED),
    (_SYZBOT_FOUND, BotStatus.FAILED),
    (
        re.compile(r"did not trigger any issue|tests passed|no issues? (?:was |were )?found", re.IGNORECASE),
        BotStatus.PASSED,
    ),
    (
        re.compile(r"reproducer is still triggering|build/boot failed|patch testing (?:failed|error)", re.IGNORECASE),
        BotStatus.FAILED,
    ),
    (re.compile(r"^AI reviewed your patch\b", re.MULTILINE), BotStatus.FINDINGS),
    (re.compile(r"^build success|BUILD SUCCESS", re.MULTILINE), BotStatus.PASSED),
)


def _status(text: str, bot: Bot) -> BotStatus:
    if (stated := _STATUS.search(text)) and stated[1].lower() in _CONCLUSIONS:
        return _CONCLUSIONS[stated[1].lower()]
    for pattern, status in _PHRASES:
        if pattern.search(text):
            return status
    return BotStatus.FINDINGS if bot is Bot.SASHIKO and _SEVERITY.search(text) else BotStatus.UNKNOWN


def _jobs(text: str, bot: Bot) -> tuple[str, ...]:
    if bot is Bot.BPF_CI:
        return tuple(dict.fromkeys(_FAILED_JOB.findall(text)))[:MAX_ENTRIES]
    return tuple(dict.fromkeys(_CONFIG.findall(text)))[:MAX_ENTRIES] if bot is Bot.KERNEL_TEST_ROBOT else ()


def _severity(text: str) -> str | None:
    named = {found.lower() for found in _SEVERITY.findall(text)}
    return next((each for each in ("critical", "high", "medium", "low") if each in named), None)


def _findings(text: str) -> tuple[str, ...]:
    found = [line.strip() for line in _NEW_LINE.findall(text)]
    if syzbot := _SYZBOT_FOUND.search(text):
        found += [line.strip(" *") for line in syzbot[1].split("\n") if line.strip(" *")]
    return tuple(dict.fromkeys(each[:500] for each in found))[:MAX_ENTRIES]


def _points(body: str) -> tuple[str, ...]:
    """The first sentence of what a review says below each quote."""
    found: list[str] = []
    paragraph: list[str] = []
    quoted = False
    for line in [*body.split("\n"), ""]:
        if line.startswith(">"):
            paragraph, quoted = [], True
        elif line == "---":
            break
        elif line.strip() and not ELIDED.fullmatch(line.strip()):
            paragraph.append(line.strip())
        elif paragraph:
            if quoted and len(found) < MAX_ENTRIES:
                found.append(_SENTENCE_END.split(" ".join(paragraph)[:500], maxsplit=1)[0])
            paragraph, quoted = [], False
    return tuple(dict.fromkeys(found))


def _applied_as(text: str) -> tuple[tuple[str, str], ...]:
    merged = _MERGED.search(text)
    found = [(title.strip(), commit) for title, commit, _ in _APPLIED_AS.findall(text) if commit]
    return tuple(found[:MAX_ENTRIES]) if found or merged is None else (("", merged[2]),)
