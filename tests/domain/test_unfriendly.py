"""Unfriendly threads: each a mailbox, and beside it what a person says about it and what we have to read."""

from pathlib import Path

import pytest

from app.domain.message import parse_message, split_mbox
from app.domain.series import parse_threads
from tests.domain.threads import message_ids, outline

CASES = sorted((Path(__file__).parents[1] / "data" / "unfriendly").glob("*.mbox"))


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_what_a_person_would_say(case: Path) -> None:
    messages = [parse_message(mail) for mail in split_mbox(case.read_bytes())]
    sentence, _, expected = case.with_suffix(".txt").read_text().partition("\n\n")
    conversation = parse_threads(messages)
    assert outline(conversation) == expected, sentence
    assert sorted(message_ids(conversation)) == sorted({message.message_id for message in messages})


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_the_order_in_which_mails_come_does_not_matter(case: Path) -> None:
    messages = [parse_message(mail) for mail in split_mbox(case.read_bytes())]
    assert outline(parse_threads(messages[::-1])) == outline(parse_threads(messages))


def test_there_are_cases() -> None:
    assert len(CASES) >= 40
