"""Change logs as steps with nested points."""

import time

from app.domain.changenotes import change_log, step_to
from app.domain.message import parse_message
from tests.domain.threads import change


def steps(text: str) -> list[tuple[str | None, str | None, list[tuple[int, str]]]]:
    message = parse_message(f"Subject: [PATCH v4 0/1] t\n\n{text}".encode())
    return [(step.old, step.new, [(point.depth, point.text) for point in step.points]) for step in change_log(message)]


def test_arrows_with_nested_points_and_links() -> None:
    text = """Text about v2 of something.

Changes:
v3 -> v4:
* Add a test to verify what is
  long to say.
* Address comments from Ben:
  * First.
  * Second,
    wrapped.
* Last.
v3: https://lore.kernel.org/bpf/3@x/

rfc -> v1:
  * Address comments from Ben:
    * Deeper.
rfc: https://lore.kernel.org/bpf/0@x/

Ann Author (1):
  bpf: Do it
"""
    assert steps(text) == [
        (
            "v3",
            "v4",
            [
                (0, "Add a test to verify what is long to say."),
                (0, "Address comments from Ben:"),
                (1, "First."),
                (1, "Second, wrapped."),
                (0, "Last."),
            ],
        ),
        ("rfc", "v1", [(0, "Address comments from Ben:"), (1, "Deeper.")]),
    ]


def test_the_form_of_b4() -> None:
    text = """Why.
---
Changes in v3:
- Rebased.
- Link to v2: https://lore.kernel.org/r/2@x

Changes in v2:
- Fixed it:
  - Here.
- Link to v1: https://lore.kernel.org/r/1@x
---
 core.c | 4 ++++
"""
    assert steps(text) == [(None, "v3", [(0, "Rebased.")]), (None, "v2", [(0, "Fixed it:"), (1, "Here.")])]


def test_since_and_bare_labels() -> None:
    assert steps("Changes since V1:\n\n1) One\n2) Two\n\nThanks,\nAnn\n") == [("v1", None, [(0, "One"), (0, "Two")])]
    assert steps("v2: https://x.org/2@x\n - Done.\nv1: https://x.org/1@x\n\nBye\n") == [(None, "v2", [(0, "Done.")])]
    assert steps("v1->v2: Addressed comments\n- done\nDetails in here:\nhttps://x.org/1@x\n") == [
        ("v1", "v2", [(0, "Addressed comments"), (0, "done")])
    ]


def test_below_the_line_of_a_patch_and_not_in_its_diff() -> None:
    text = f"Why.\n---\nv2: Rename it.\n\n core.c | 4 ++++\n\n{change()}+v1: no\n"
    assert steps(text) == [(None, "v2", [(0, "Rename it.")])]


def test_a_text_without_a_change_log() -> None:
    assert steps("This is v2 of the series.\nIt changes v1 to v2.\n\n- A list\n") == []


def test_time_is_linear() -> None:
    started = time.process_time()
    for line in (
        "- x",
        " " * 900 + "- x",
        "v1 " * 300,
        "v1->" * 200,
        "changes since " * 60,
        "((((- - -" * 90,
        "x |" * 300,
    ):
        steps("v1 -> v2:\n" + (line + "\n") * 250)
    assert time.process_time() - started < 5


def test_the_step_to_a_revision() -> None:
    text = "v2 -> v3:\n- three\n\nChanges since v1:\n- two\n\nrfc -> v1:\n- one\n\nChanges in v4:\n- four\n"
    found = change_log(parse_message(f"Subject: [PATCH v4 0/1] t\n\n{text}".encode()))

    def told(label: str, previous: str | None) -> str | None:
        step = step_to(found, label, previous)
        return step.points[0].text if step else None

    assert [told("v3", "v2"), told("v2", "v1"), told("v1", "rfc"), told("v4", None)] == ["three", "two", "one", "four"]
    assert told("v1", "v3") == "one"  # by its name, whatever was before
    assert told("rfc v3", "rfc v2") == "three"  # an RFC by its number alone
    assert told("v2 resend", "v1") == "two"  # whatever followed v1
    assert told("v5", "v4") is None
    assert told("v9", None) is None
