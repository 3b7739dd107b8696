"""What counts as asking for something."""

import time

import pytest

from app.domain.address import Address
from app.domain.asking import asks, opening_comments, own_words
from app.domain.series import Revision
from tests.domain.threads import ANN, BEN, REX, Thread, change

JIRKA = Address(name="Jiri Example", email="jiri@example.org")
BOT = "bot+bpf-ci@kernel.org"


@pytest.mark.parametrize(
    "text",
    [
        "On Mon, Apr 14, 2025 at 6:35 PM Ann <a@x.org>\nwrote:\n> x\n\nAcked-by: Jiri <j@x.org>\n\nthanks,\njirka\n",
        "Hi Ann,\n\nlgtm, thanks!\n\nReviewed-by: Jiri Example <jiri@example.org>\n",
        "I see, LGTM and thanks for adding a comment with the reason!\n\nReviewed-by: J <j@x.org>\n",
        "The patch looks good to me.\n-- \nJiri Example, Somewhere Inc.\nDoes this look like a question?\n",
        "Applied to bpf-next, thanks.\n",
        "pw-bot: cr\n",
        "> Does this ask?\n",
        "Acked-by: J <j@x.org>\n\njirka\n",
        "",
    ],
)
def test_courtesy_asks_nothing(text: str) -> None:
    assert own_words(text, JIRKA) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("why?\n", "why"),
        ("The patch looks good, but your SOB is different from From.\n", "but your SOB is different from From"),
        ("On second thought this is wrong\n", "On second thought this is wrong"),
        ("Reviewed-by: J <j@x.org>\n\nTypo in the title.\n\nthanks,\njirka\n", "Typo in the title"),
    ],
)
def test_what_is_left(text: str, words: str) -> None:
    assert words in own_words(text, JIRKA)


def revision(thread: Thread) -> Revision:
    (found,) = thread.revisions()
    return found


def test_the_authors_own_words_and_trailers_ask_nothing() -> None:
    thread = Thread()
    patch = thread.post("[PATCH] bpf: One", diff=change("a"))
    for author, body in (
        (ANN, "I will fix it.\n"),
        ("ann author <ann@elsewhere.example>", "And this.\n"),
        (REX, "Acked-by: Rex Reviewer <rex@example.com>\n"),
        (REX, "Is it safe?\n"),
        ("patchwork-bot+netdevbpf@kernel.org", "Hello:\n\nThis patch was applied to a/b.git (master)\n"),
    ):
        thread.post("Re: [PATCH] bpf: One", to=patch, author=author, body=body)
    found = revision(thread)
    assert [asks(one, [found.author]) for one in found.comments] == [False, False, False, True, False]


def test_an_answer_goes_on_with_what_was_asked_before() -> None:
    thread = Thread()
    patch = thread.post("[PATCH] bpf: One", diff=change("a"))
    asked = thread.post("Re: [PATCH] bpf: One", to=patch, author=REX, body="> +\tcall_a_1(state);\nIs it safe?\n")
    answer = thread.post("Re: [PATCH] bpf: One", to=asked, body="It is, see above.\n")
    thread.post("Re: [PATCH] bpf: One", to=answer, author=BEN, body="I doubt it.\n")
    assert [one.author.name for one in opening_comments(revision(thread), ())] == ["Rex Reviewer"]


def test_a_person_who_takes_up_what_a_bot_found_asks_for_it() -> None:
    thread = Thread()
    patch = thread.post("[PATCH] bpf: One", diff=change("a"))
    review = "> +\tcall_a_1(state);\n\nIs it safe?\n\n---\nAI reviewed your patch. Please fix the bug.\n"
    found = thread.post("Re: [PATCH] bpf: One", to=patch, author=BOT, body=review)
    thread.post("Re: [PATCH] bpf: One", to=found, author=REX, body="The bot is right, please fix.\n")
    answer = thread.post("Re: [PATCH] bpf: One", to=found, body="Will do.\n")
    thread.post("Re: [PATCH] bpf: One", to=answer, author=BEN, body="I shall look into the prompts.\n")
    one = revision(thread)
    assert [each.author.name for each in opening_comments(one, [one.author])] == ["", "Rex Reviewer"]


def test_time_is_linear() -> None:
    started = time.process_time()
    for line in ("@" * 100_000, "on " * 30_000, "lgtm and thanks " * 6_000, "thanks\n" * 10_000, " wrote :" * 10_000):
        own_words(f"{line}\n" * 2, JIRKA)
    assert time.process_time() - started < 3
