"""Bots in a few words."""

from app.web.botwords import bot_line
from app.web.words import Tone


def test_a_person_has_no_line() -> None:
    assert bot_line(None, None) is None


def test_a_bot_of_which_nothing_is_known_is_called_a_bot_once() -> None:
    line = bot_line("bot", None)
    assert line is not None
    assert (line.short.text, line.short.tone, line.fields) == ("bot", Tone.QUIET, [])


def test_a_failed_job() -> None:
    line = bot_line("bpf-ci", {"status": "failed", "jobs": ["veristat"], "url": "https://ci.example.org/1"})
    assert line is not None
    assert (line.short.text, line.short.tone) == ("bpf-ci · failed · veristat job", Tone.BAD)
    assert line.url == "https://ci.example.org/1"


def test_what_was_applied_and_as_which_commits() -> None:
    applied = [[f"bpf: {number}", f"{number}" * 40] for number in range(1, 6)]
    line = bot_line("patchwork-bot", {"status": "applied", "tree": "bpf/bpf-next.git", "applied_as": applied})
    assert line is not None
    assert line.short.text == "patchwork-bot · applied · to bpf/bpf-next.git"
    assert [one.text for one in line.fields[1:]] == [
        "as 111111111111", "as 222222222222", "as 333333333333", "2 commits more",
    ]  # fmt: skip


def test_severity_findings_and_the_tested_commit() -> None:
    report = {"status": "findings", "severity": "high", "findings": ["x" * 200], "commit": "0123456789abcdef"}
    line = bot_line("sashiko", report)
    assert line is not None
    assert [(one.text[:10], len(one.text) <= 80, one.tone) for one in line.fields] == [
        ("high", True, Tone.BAD),
        ("xxxxxxxxxx", True, Tone.QUIET),
        ("on 0123456", True, Tone.QUIET),
    ]


def test_only_addresses_of_the_web_are_linked() -> None:
    line = bot_line("sashiko", {"url": "javascript:alert(1)"})
    assert line is not None
    assert line.url == ""
