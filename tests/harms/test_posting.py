"""The series themselves: eight patches each, as an author would send them, harm where it is said to be."""

import pytest

from app.domain.message import parse_message
from app.domain.series import parse_threads
from tests.harms.catalogue import HARMS
from tests.harms.innocent import PATCHES, filled
from tests.harms.posting import message_id, paths_of, post
from tests.harms.series import LENGTH, Edit, Patch

TEXTS = {"a.c": "int a;\nint b;\n", "b.c": "int c;\n"}
PAIR = (
    Patch(subject="a: Rename b", message="Why.", edits=(Edit(path="a.c", before="int b;", after="int bb;"),)),
    Patch(
        subject="c: Go",
        message="Why.",
        edits=(Edit(path="b.c", after=None), Edit(path="c.c", after="int d;\n")),
    ),
)


def test_a_series_is_posted_with_a_cover_letter_and_in_one_thread():
    mails = [parse_message(mail) for mail in post("pair", "a: Things", "Ann Author", PAIR, TEXTS, trailer="Needs: x")]
    assert [mail.message_id for mail in mails] == [message_id("pair", number) for number in range(3)]
    cover, one, two = mails
    assert cover.subject == "[PATCH bpf-next 0/2] a: Things"
    assert "Needs: x\n" in cover.body
    assert (one.subject, two.subject) == ("[PATCH bpf-next 1/2] a: Rename b", "[PATCH bpf-next 2/2] c: Go")
    assert "-int b;\n+int bb;\n" in one.body
    assert "deleted file mode" in two.body
    assert "new file mode" in two.body
    assert "Signed-off-by: Ann Author <ann@example.org>" in one.body


def test_a_single_patch_has_no_cover_letter():
    (mail,) = post("one", "", "Ann Author", PAIR[:1], TEXTS)
    assert parse_message(mail).subject == "[PATCH bpf-next] a: Rename b"
    assert parse_message(mail).message_id == message_id("one", 0)


def test_an_edit_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="has 0 places"):
        post("x", "x", "A B", PAIR[:1], {"a.c": "int x;\n"})
    with pytest.raises(ValueError, match="has 2 places"):
        post("x", "x", "A B", PAIR[:1], {"a.c": "int b;\nint b;\n"})
    with pytest.raises(ValueError, match=r"makes c\.c, which is there"):
        post("x", "x", "A B", PAIR[1:], TEXTS | {"c.c": ""})


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.name)
def test_every_harm_lies_among_innocent_patches(harm):
    patches = filled(harm.harmful)
    assert len(patches) == LENGTH
    assert {number: patch for number, patch in enumerate(patches, 1) if patch not in PATCHES} == harm.harmful
    assert set(harm.expected.blamed.values()) <= harm.harmful.keys()
    assert not harm.expected.blamed or harm.expected.verdict == "regressed"


def test_what_is_made_is_not_asked_of_the_base():
    assert paths_of(PAIR) == ["a.c", "b.c"]


def test_no_two_harms_can_be_taken_for_one_work():
    assert len({harm.author for harm in HARMS}) == len({harm.title for harm in HARMS}) == len(HARMS)


def test_a_posting_is_read_as_one_whole_series():
    mails = [parse_message(mail) for mail in post("pair", "a: Things", "Ann Author", PAIR, TEXTS)]
    (series,) = parse_threads(mails).series
    (revision,) = series.revisions
    assert [patch.title for patch in revision.patches] == ["a: Rename b", "c: Go"]
