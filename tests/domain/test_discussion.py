"""Answers stand at the line that they answer."""

from app.domain.discussion import place_comments
from app.domain.series import Revision
from tests.domain.threads import ANN, BEN, REX, Thread, change

POINTS = (
    "On Mon, 2 Mar 2026 Ann wrote:\n> +\tcall_a_1(state);\n\nUse call_b() here, as others do.\n\n"
    "> +\tcall_a_3(state);\n\nIs it safe?\n"
)


def placed(thread: Thread) -> list[list[tuple[int, str]]]:
    (revision,) = thread.revisions()
    assert isinstance(revision, Revision)
    points = place_comments(revision.comments)
    return [[(point.line, point.text) for point in points[one.message.message_id]] for one in revision.comments]


def asked(thread: Thread) -> str:
    patch = thread.post("[PATCH] bpf: One", diff=change("a"))
    return thread.post("Re: [PATCH] bpf: One", to=patch, author=REX, body=POINTS)


def quoted(text: str) -> str:
    return "".join(f"> {line}\n" for line in text.splitlines())


def test_each_part_of_an_answer_stands_at_what_it_quotes() -> None:
    thread = Thread()
    first, mark, second = POINTS.partition("> +\tcall_a_3")
    body = f"On Mon Rex wrote:\n{quoted(first)}\nI will.\n\n{quoted(mark + second)}\nIt is.\n\nAnn\n"
    answer = thread.post("Re: [PATCH] bpf: One", to=asked(thread), author=ANN, body=body)
    thread.post("Re: [PATCH] bpf: One", to=answer, author=BEN, body="> It is.\n\nHow do you know?\n")
    assert placed(thread)[1:] == [[(13, "I will."), (15, "It is.\n\nAnn")], [(15, "How do you know?")]]


def test_an_answer_that_quotes_nothing_is_to_the_last_point() -> None:
    thread = Thread()
    thread.post("Re: [PATCH] bpf: One", to=asked(thread), body="Right.\n")
    assert placed(thread)[1] == [(15, "Right.")]


def test_what_is_about_a_whole_mail_has_no_line() -> None:
    thread = Thread()
    patch = thread.post("[PATCH] bpf: One", diff=change("a"))
    whole = thread.post("Re: [PATCH] bpf: One", to=patch, author=REX, body="Why at all?\n")
    thread.post("Re: [PATCH] bpf: One", to=whole, body="> Why at all?\n\nBecause.\n")
    assert placed(thread) == [[], []]
