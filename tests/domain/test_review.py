"""Comments: who made them, what they give, and the line they are about."""

import time

from app.domain.diff import parse_files
from app.domain.message import Message, parse_message
from app.domain.review import find_anchors, read_comment
from app.domain.series import parse_threads
from tests.domain.threads import REX, Thread, change

FILES = parse_files(change("core") + change("other"))


def mail(text: str, author: str = REX) -> Message:
    return parse_message(f"From: {author}\nSubject: Re: [PATCH] t\nMessage-ID: <r@x>\n\n{text}".encode())


def quoted(diff: str) -> str:
    return "".join(f"> {line}\n" for line in diff.splitlines())


def test_points_stand_at_the_line_quoted_above_them() -> None:
    text = "On Monday Ann wrote:\n" + quoted(change("core")[:-10]) + "\nWhy four?\n"
    text = text.replace(">  \tint done;", ">  \tint done;\n\nUnused.\n")
    anchors = find_anchors(text, FILES)
    assert [(anchor.path, anchor.line, anchor.text) for anchor in anchors] == [
        ("kernel/bpf/core.c", 11, "Unused."),
        ("kernel/bpf/core.c", 15, "Why four?"),
    ]


def test_a_trimmed_quote_of_the_second_file() -> None:
    text = "> diff --git a/kernel/bpf/other.c b/kernel/bpf/other.c\n\n[...]\n\n> +\tcall_other_2(state);\nRename it.\n"
    (anchor,) = [each for each in find_anchors(text, FILES) if each.text == "Rename it."]
    assert (anchor.path, anchor.line, anchor.removed) == ("kernel/bpf/other.c", 14, False)


def test_the_file_that_is_quoted_decides_between_equal_lines() -> None:
    text = "> diff --git a/kernel/bpf/other.c b/kernel/bpf/other.c\n> [...]\n>  \tint err;\nHere.\n"
    (anchor,) = find_anchors(text, FILES)
    assert (anchor.path, anchor.line) == ("kernel/bpf/other.c", 10)


def test_a_quote_that_a_mailer_wrapped() -> None:
    files = parse_files(
        change("core").replace("call_core_1(state)", "call_core_1(state, with, many, more, words, than, fit)")
    )
    text = "> +\tcall_core_1(state, with, many, more,\n> words, than, fit);\nToo long.\n"
    (anchor,) = find_anchors(text, files)
    assert (anchor.line, anchor.text) == (13, "Too long.")


def test_an_answer_to_a_quote_of_a_quote_is_no_point_at_the_line() -> None:
    assert find_anchors("> > +\tcall_core_1(state);\n> Rename it.\nDone.\n", FILES) == ()


def test_a_removed_line_has_its_number_in_the_old_file() -> None:
    files = parse_files(
        change("core").replace("+\tcall_core_0", "-\tcall_core_0").replace("-10,3 +10,7", "-10,4 +10,6")
    )
    (anchor,) = find_anchors("> -\tcall_core_0(state);\nKeep it.\n", files)
    assert (anchor.line, anchor.removed) == (12, True)


def test_trailers_of_a_reply() -> None:
    text = (
        "> Acked-by: Quoted <q@x>\nFine.\n\nReviewed-by: Rex Reviewer <rex@elsewhere.example>\n"
        'tested-by: Ben <ben@example.net>\nFixes: 0123456789ab ("x")\nCc: a@b\n'
    )
    comment = read_comment(mail(text), answers=None, patch_position=1, diff=None)
    assert [(trailer.name, trailer.agrees) for trailer in comment.trailers] == [
        ("Reviewed-by", True),
        ("Tested-by", False),
        ("Fixes", False),
    ]


def test_comments_hang_at_their_patch() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 2)
    thread.post(
        "Re: [PATCH 2/2] core: Step 2",
        to=keys[2],
        author=REX,
        body="> +\tcall_core2_1(state);\nWhy?\n\nAcked-by: R <rex@example.com>\n",
    )
    (revision,) = parse_threads(thread.messages).series[0].revisions
    (comment,) = revision.comments
    assert (comment.patch_position, comment.is_bot, comment.anchors[0].path) == (2, False, "kernel/bpf/core2.c")
    assert [trailer.agrees for trailer in comment.trailers] == [True]
    assert comment.answers == keys[2]


def test_time_is_linear() -> None:
    files = parse_files(change("core", lines=20_000))
    started = time.process_time()
    for line in (" " * 900, "> " * 450, "> [" + " " * 900, "> +\tcall_core_1(state);\n" + "." * 900, "^" * 900):
        find_anchors((line + "\n") * 2000, files)
    equal = "--- a/x.c\n+++ b/x.c\n@@ -1,0 +1,50000 @@\n" + "+\tsame(state);\n" * 50_000
    find_anchors("> +\tsame(state);\n" * 100_000 + "> @@ -1,0 +1,50000 @@\n" * 100_000, parse_files(equal))
    assert time.process_time() - started < 5


def test_points_at_the_text_before_the_diff() -> None:
    prose = "Make it so.\n\nIt is fast.\n---\n core.c | 4 ++++\n 1 file changed, 4 insertions(+)\n\n"
    text = "> It is fast.\nHow fast?\n> ---\n>  core.c | 4 ++++\nAnd small?\n"
    found = [(anchor.path, anchor.line, anchor.text) for anchor in find_anchors(text, FILES, prose)]
    assert found == [("", 3, "How fast?")]


def test_what_is_said_below_the_quoted_end_is_about_the_whole_mail() -> None:
    whole = quoted(change("core"))
    assert find_anchors(whole + "> -- \n> 2.43.0\n>\n\nIs there a test?\n", FILES) == ()
    prose = "Make it so.\n---\n core.c | 4 ++++\n 1 file changed, 4 insertions(+)\n"
    assert find_anchors(quoted(prose) + "\nIs there a test?\n", FILES, prose) == ()


def test_bots_that_report_quote_only_to_say_what_they_answer() -> None:
    text = "> +\tcall_core_1(state);\n\nHere is the summary with links:\n"
    robot = mail(text, "kernel test robot <lkp@intel.com>")
    person = mail(text)
    found = [
        read_comment(one, answers=None, patch_position=1, diff=change("core")).anchors != () for one in (robot, person)
    ]
    assert found == [False, True]
