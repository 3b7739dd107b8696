"""What bots say, in a few words instead of their mails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.db.models import Comment
from app.domain.bot_report import BotStatus
from app.domain.bots import Bot
from app.web.words import Chip, Tone

MOST = 3
SHOWN = 80
TONES = {
    BotStatus.PASSED: Tone.GOOD,
    BotStatus.APPLIED: Tone.GOOD,
    BotStatus.FAILED: Tone.BAD,
    BotStatus.FINDINGS: Tone.WARN,
    BotStatus.UNKNOWN: Tone.QUIET,
}
GRAVE = ("critical", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class BotLine:
    """What a bot says: who it is and what it concludes, the fields as chips, where its report is ("" for nowhere)."""

    chip: Chip
    fields: Sequence[Chip]
    url: str

    @property
    def short(self) -> Chip:
        """All in one chip: `bpf-ci · failed · veristat job`."""
        more = f" · {self.fields[0].text}" if self.fields else ""
        return Chip(text=self.chip.text + more, tone=self.chip.tone)


def bot_line(bot: str | None, report: Mapping[str, Any] | None) -> BotLine | None:
    """Return the line of a bot's comment, None for a person's; `report` is the stored one, None where there is none."""
    if bot is None:
        return None
    found = report or {}
    status = next((one for one in BotStatus if one == found.get("status")), BotStatus.UNKNOWN)
    said = "" if status is BotStatus.UNKNOWN else f" · {status}"
    fields = [Chip(text=_short(text), tone=Tone.QUIET) for text in _fields(bot, found)]
    severity = found.get("severity")
    if severity:
        fields.insert(0, Chip(text=str(severity), tone=Tone.BAD if severity in GRAVE else Tone.WARN))
    url = str(found.get("url") or "")
    return BotLine(
        chip=Chip(text=f"{bot}{said}", tone=TONES[status]),
        fields=fields,
        url=url if url.startswith(("https://", "http://")) else "",
    )


def bot_lines(comments: Mapping[int, Comment]) -> dict[int, BotLine]:
    """Return the lines of comments by bots, by the same keys."""
    lines = {key: bot_line(comment.bot, comment.bot_report) for key, comment in comments.items()}
    return {key: line for key, line in lines.items() if line is not None}


def _fields(bot: str, found: Mapping[str, Any]) -> list[str]:
    jobs, findings, applied = (list(found.get(name) or ()) for name in ("jobs", "findings", "applied_as"))
    unit = "config" if bot == Bot.KERNEL_TEST_ROBOT else "job"
    texts = [f"{job} {unit}" for job in jobs[:MOST]]
    texts += [f"{len(jobs) - MOST} {unit}s more"] * (len(jobs) > MOST)
    texts += [str(finding) for finding in findings[:MOST]]
    texts += [f"{len(findings) - MOST} findings more"] * (len(findings) > MOST)
    if found.get("tree"):
        texts.append(f"{'to' if applied else 'on'} {found['tree']}")
    texts += [f"as {commit[:12]}" for _, commit in applied[:MOST]]
    texts += [f"{len(applied) - MOST} commits more"] * (len(applied) > MOST)
    if found.get("commit"):
        texts.append(f"on {str(found['commit'])[:12]}")
    return texts


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
