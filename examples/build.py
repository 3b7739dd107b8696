"""Make the mailboxes in `thread/` from the patches in `series/` and the answers in `replies/`.

    python examples/build.py

The same files give the same bytes. A patch is a file of git format-patch, cover letter included; an answer is a text
file with a few headers: `From`, `Date`, `Message-ID` and `Answers`, which is the number of a patch (0 for the cover
letter) or the `<Message-ID>` of another answer. What is left of a mail's header follows from those, in the way
git-send-email(1) and mail programs make it. The mailboxes are mboxrd, as public-inbox gives them.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parseaddr, parsedate_to_datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
AUTHOR = "Ann Author <ann@example.org>"
SEPARATOR = b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail of the thread; Message-IDs are without angle brackets, `references` from the thread's first mail on."""

    message_id: str
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    date: datetime
    references: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One revision as it was sent: `sent` is the time of the cover letter, `pid` that of git send-email."""

    label: str
    sent: datetime
    pid: int
    to: str
    cc: tuple[str, ...]

    def message_id(self, number: int) -> str:
        """Return the Message-ID of patch `number`, 0 for the cover letter."""
        return f"{self.sent.astimezone(UTC):%Y%m%d%H%M%S}.{self.pid}-{number + 1}-ann@example.org"


def postings() -> tuple[Posting, ...]:
    """Return the revisions in their order."""
    with (HERE / "thread.toml").open("rb") as file:
        table = tomllib.load(file)
    return tuple(Posting(to=table["list"], cc=tuple(table["cc"]), **one) for one in table["revisions"])


def mails(posting: Posting) -> list[Mail]:
    """Return a revision's mails and the answers to them, by date."""
    found = {mail.message_id: mail for mail in _sent(posting)}
    for path in sorted((HERE / "replies" / posting.label).glob("*.txt")):
        answer = _answer(path, posting, found)
        found[answer.message_id] = answer
    return sorted(found.values(), key=lambda mail: mail.date)


def mbox(posting: Posting) -> bytes:
    """Return a revision's mailbox (mboxrd)."""
    return b"".join(SEPARATOR + _quoted(mail_bytes(mail)) + b"\n" for mail in mails(posting))


def mail_bytes(mail: Mail) -> bytes:
    """Return a mail as it lies in the archive."""
    headers = [
        ("From", mail.sender),
        ("To", ", ".join(mail.to)),
        ("Cc", ",\n\t".join(mail.cc)),
        ("Subject", mail.subject),
        ("Date", format_datetime(mail.date)),
        ("Message-ID", f"<{mail.message_id}>"),
    ]
    if mail.references:
        headers.append(("In-Reply-To", f"<{mail.references[-1]}>"))
        headers.append(("References", "\n\t".join(f"<{message_id}>" for message_id in mail.references)))
    headers += [
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=UTF-8"),
        ("Content-Transfer-Encoding", "8bit"),
    ]
    return ("".join(f"{name}: {value}\n" for name, value in headers) + "\n" + mail.body).encode()


def _sent(posting: Posting) -> Iterator[Mail]:
    for number, path in enumerate(sorted((HERE / "series" / posting.label).glob("*.patch"))):
        header, body = path.read_text(encoding="utf-8").split("\n\n", 1)
        yield Mail(
            message_id=posting.message_id(number),
            sender=AUTHOR,
            to=(posting.to,),
            cc=posting.cc,
            subject=_field(header, "Subject"),
            date=posting.sent + timedelta(seconds=number),
            references=(posting.message_id(0),) if number else (),
            body=body,
        )


def _answer(path: Path, posting: Posting, found: dict[str, Mail]) -> Mail:
    header, body = path.read_text(encoding="utf-8").split("\n\n", 1)
    answers = _field(header, "Answers")
    parent = found[posting.message_id(int(answers)) if answers.isdecimal() else answers.strip("<>")]
    sender = _field(header, "From")
    left_out = {parseaddr(sender)[1], parseaddr(posting.to)[1]}
    others = [who for who in (*parent.to, *parent.cc) if parseaddr(who)[1] not in left_out]
    return Mail(
        message_id=_field(header, "Message-ID").strip("<>"),
        sender=sender,
        to=(parent.sender,),
        cc=(posting.to, *others),
        subject=parent.subject if parent.subject.startswith("Re: ") else f"Re: {parent.subject}",
        date=parsedate_to_datetime(_field(header, "Date")),
        references=(*parent.references, parent.message_id),
        body=body,
    )


def _field(header: str, name: str) -> str:
    """Return a field with its folded lines joined (RFC 5322, 2.2.3)."""
    value = re.search(rf"^{name}: (.*(?:\n[ \t].*)*)", header, re.MULTILINE)
    if value is None:
        raise ValueError(f"there is no {name} in the header {header!r}")
    return re.sub(r"\n[ \t]+", " ", value[1])


def _quoted(mail: bytes) -> bytes:
    """Return a mail with its From-lines quoted as mboxrd wants it: one `>` more on each."""
    return re.sub(rb"^(>*From )", rb">\1", mail, flags=re.MULTILINE)


def main() -> None:
    """Write the mailboxes."""
    (HERE / "thread").mkdir(exist_ok=True)
    for posting in postings():
        (HERE / "thread" / f"{posting.label}.mbox").write_bytes(mbox(posting))


if __name__ == "__main__":
    main()
