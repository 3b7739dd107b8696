"""Which mails come from programs."""

import pytest

from app.domain.bots import Bot, identify
from app.domain.message import Message, parse_message
from tests.domain.threads import REX


def mail(text: str, author: str) -> Message:
    return parse_message(f"From: {author}\nSubject: Re: [PATCH] t\nMessage-ID: <r@x>\n\n{text}".encode())


@pytest.mark.parametrize(
    ("author", "bot"),
    [
        ("bot+bpf-ci@kernel.org", Bot.BPF_CI),
        ("sashiko-bot <sashiko-bot@kernel.org>", Bot.SASHIKO),
        ("kernel test robot <lkp@intel.com>", Bot.KERNEL_TEST_ROBOT),
        ("syzbot <syzbot+abc@syzkaller.appspotmail.com>", Bot.SYZBOT),
        ("syzbot ci <syzbot+ci123@syzkaller.appspotmail.com>", Bot.SYZBOT_CI),
        ("patchwork-bot+netdevbpf@kernel.org", Bot.PATCHWORK),
        ("pr-tracker-bot@kernel.org", Bot.PR_TRACKER),
        ("Example CI bot <checks-bot@example.org>", Bot.OTHER),
        (REX, None),
        ("Abbot Robotham <abbot@example.org>", None),
    ],
)
def test_bots_and_people(author: str, bot: Bot | None) -> None:
    assert identify(mail("Text.", author)) is bot


def test_the_review_of_bpf_ci_is_told_from_its_results() -> None:
    text = "> quoted\nIs that right?\n\n---\nAI reviewed your patch. Please fix the bug.\n"
    assert identify(mail(text, "bot+bpf-ci@kernel.org")) is Bot.BPF_CI_REVIEW
