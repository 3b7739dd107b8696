"""Bots' mails as fields; the texts follow the forms that the bots use, with invented content."""

from app.domain.bot_report import BotReport, BotStatus, read_bot_report
from app.domain.bots import Bot
from app.domain.message import parse_message


def read(text: str, bot: Bot) -> BotReport:
    return read_bot_report(parse_message(f"Subject: Re: t\n\n{text}".encode()), bot)


def test_patchwork_applied() -> None:
    report = read(
        "Hello:\n\nThis series was applied to bpf/bpf-next.git (master)\nby Rex Reviewer <rex@example.com>:\n\n"
        "On Mon, Ann wrote:\n> This series was applied to quoted.git\n\nHere is the summary with links:\n"
        "  - [bpf-next,v4,1/3] bpf: One\n    https://git.example.org/bpf/c/0123456789ab\n"
        "  - [bpf-next,v4,2/3] bpf: Two\n    (no matching commit)\n"
        "  - [bpf-next,v4,3/3] bpf: Three\n    https://git.example.org/bpf/c/ba9876543210\n",
        Bot.PATCHWORK,
    )
    assert (report.status, report.tree) == (BotStatus.APPLIED, "bpf/bpf-next.git")
    assert report.applied_as == (("bpf: One", "0123456789ab"), ("bpf: Three", "ba9876543210"))


def test_bpf_ci_results() -> None:
    text = (
        "Dear patch submitter,\n\nCI has tested the following submission:\nStatus:     {}\n"
        "Name:       [bpf-next,v2] t\n"
        "Matrix:     https://ci.example.org/bpf/actions/runs/12\n\nFailed jobs:\n"
        "test_progs-x86_64-gcc: https://ci.example.org/bpf/actions/runs/12/job/34\n"
    )
    failed = read(text.format("FAILURE"), Bot.BPF_CI)
    assert (failed.status, failed.jobs) == (BotStatus.FAILED, ("test_progs-x86_64-gcc",))
    assert failed.url == "https://ci.example.org/bpf/actions/runs/12"
    assert read(text.format("SUCCESS"), Bot.BPF_CI).status is BotStatus.PASSED


def test_reviews_by_machines() -> None:
    review = read("> +x\nIs it?\n\n---\nAI reviewed your patch. Please fix the bug.\n", Bot.BPF_CI_REVIEW)
    assert review.status is BotStatus.FINDINGS
    assert review.findings == ("Is it?",)
    graded = read("- [Low] Naming.\n- [High] Use after free.\n", Bot.SASHIKO)
    assert (graded.status, graded.severity) == (BotStatus.FINDINGS, "high")


def test_the_kernel_test_robot() -> None:
    report = read(
        "Hi Ann,\n\n"
        "kernel test robot noticed the following build errors:\n\n[auto build test ERROR on bpf-next/master]\n\n"
        "config: x86_64-randconfig-1 (https://x.org/config)\n\nAll errors (new ones prefixed by >>):\n\n"
        ">> kernel/bpf/core.c:10:1: error: no\n   kernel/bpf/core.c:11:1: error: old\n",
        Bot.KERNEL_TEST_ROBOT,
    )
    assert (report.status, report.tree, report.jobs) == (BotStatus.FAILED, "bpf-next/master", ("x86_64-randconfig-1",))
    assert report.findings == ("kernel/bpf/core.c:10:1: error: no",)


def test_syzbot() -> None:
    report = read(
        "syzbot ci has tested the following series\n\n[v1] t\n\n"
        "and found the following issues:\n* KASAN: one\n* WARNING: two\n\n"
        "base:      0123456789abcdef\n",
        Bot.SYZBOT_CI,
    )
    assert (report.status, report.commit) == (BotStatus.FAILED, "0123456789abcdef")
    assert report.findings == ("KASAN: one", "WARNING: two")
    passed = read("syzbot has tested the proposed patch and the reproducer did not trigger any issue:\n", Bot.SYZBOT)
    assert passed.status is BotStatus.PASSED


def test_a_merged_pull_request() -> None:
    text = "The pull request you sent on Mon:\n\n> x\n\nhas been merged into torvalds/linux.git:\n"
    text += "https://git.x.org/torvalds/c/0123456789abcdef\n"
    report = read(text, Bot.PR_TRACKER)
    assert (report.status, report.applied_as) == (BotStatus.APPLIED, (("", "0123456789abcdef"),))


def test_what_is_not_understood_is_unknown() -> None:
    report = read("Beep.\n", Bot.OTHER)
    assert (report.status, report.jobs, report.findings, report.severity) == (BotStatus.UNKNOWN, (), (), None)


def test_what_a_machine_found_in_its_first_sentences() -> None:
    text = (
        "> diff --git a/x.c b/x.c\n\n[ ... ]\n\n> +a();\n\nCan a() fail here? The caller of\nit ignores that.\n\n"
        "More about it.\n\n> +b();\n\nThis should be\nchecked. It is not.\n\n[ ... ]\n\n"
        "---\nAI reviewed your patch. Please fix the bug.\n"
    )
    assert read(text, Bot.BPF_CI_REVIEW).findings == ("Can a() fail here?", "This should be checked.")
