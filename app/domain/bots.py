"""Which mails come from programs, and from which."""

import re
from enum import StrEnum

from app.domain.message import Message


class Bot(StrEnum):
    """The programs that answer on kernel lists."""

    BPF_CI = "bpf-ci"
    BPF_CI_REVIEW = "bpf-ci AI review"
    SASHIKO = "sashiko"
    KERNEL_TEST_ROBOT = "kernel test robot"
    SYZBOT = "syzbot"
    SYZBOT_CI = "syzbot ci"
    PATCHWORK = "patchwork-bot"
    PR_TRACKER = "pr-tracker-bot"
    REROLL = "reroll"
    OTHER = "bot"


_BY_ADDRESS: tuple[tuple[re.Pattern[str], Bot], ...] = (
    (re.compile(r"bot\+bpf-ci@kernel\.org|bpf-?ci(?:-bot)?@.*|kernel-patches-bot@.*"), Bot.BPF_CI),
    (re.compile(r"sashiko[^@]*@.*|.*@sashiko\.dev"), Bot.SASHIKO),
    (re.compile(r"(?:lkp|oliver\.sang|rong\.a\.chen)@intel\.com|lkp@lists\.01\.org"), Bot.KERNEL_TEST_ROBOT),
    (re.compile(r"syzbot\+ci[^@]*@.*|syzbot-ci[^@]*@.*"), Bot.SYZBOT_CI),
    (re.compile(r"syzbot[^@]*@.*"), Bot.SYZBOT),
    (re.compile(r"patchwork-bot[^@]*@.*"), Bot.PATCHWORK),
    (re.compile(r"pr-tracker-bot@.*"), Bot.PR_TRACKER),
    (re.compile(r"reroll[^@]*@.*"), Bot.REROLL),
    (re.compile(r"(?:[^@]*[-+._])?(?:bot|robot|ci|noreply|no-reply)(?:[-+._][^@]*)?@.*"), Bot.OTHER),
)
_BY_NAME: tuple[tuple[re.Pattern[str], Bot], ...] = (
    (re.compile(r"syzbot ci\b"), Bot.SYZBOT_CI),
    (re.compile(r"syzbot\b"), Bot.SYZBOT),
    (re.compile(r"kernel test robot\b"), Bot.KERNEL_TEST_ROBOT),
    (re.compile(r"sashiko\b"), Bot.SASHIKO),
    (re.compile(r"(?:.*[\s(\[-])?(?:ro)?bot[\])]?$"), Bot.OTHER),
)
_AI_REVIEW = re.compile(r"^AI reviewed your patch\b", re.MULTILINE)


def identify(message: Message) -> Bot | None:
    """The program that wrote a mail, by its sender's address, else by its name; None for a person."""
    email, name = message.sender.key, message.sender.name.lower()
    found = next((bot for pattern, bot in _BY_ADDRESS if pattern.fullmatch(email)), None)
    found = found or next((bot for pattern, bot in _BY_NAME if pattern.match(name)), None)
    if found is Bot.BPF_CI and _AI_REVIEW.search(message.body):
        return Bot.BPF_CI_REVIEW
    return found
