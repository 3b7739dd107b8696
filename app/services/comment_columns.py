"""What is stored of a comment besides the rows that it points to."""

from dataclasses import asdict

from app.domain.bot_report import read_bot_report
from app.domain.review import Comment


def comment_columns(comment: Comment) -> dict[str, object]:
    """Return the columns `bot`, `trailers`, `anchors` and `bot_report` of a comment's row, as plain values.

    `bot_report` is None for a person; for a bot the fields of `app.domain.bot_report.BotReport`.
    """
    report = read_bot_report(comment.message, comment.bot) if comment.bot else None
    return {
        "bot": comment.bot.value if comment.bot else None,
        "trailers": [f"{trailer.name}: {trailer.value}" for trailer in comment.trailers],
        "anchors": [asdict(anchor) for anchor in comment.anchors],
        "bot_report": asdict(report) if report else None,
    }
