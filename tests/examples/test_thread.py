"""The example thread: made again it is the same, it is a plausible thread, and our own parser reads it whole."""

import re
import tomllib
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from itertools import pairwise

import pytest

from app.domain.inspection import thread_document
from app.domain.message import parse_message, split_mbox
from app.domain.series import parse_threads
from examples import build

LABELS = ("v1", "v2", "v3", "v4")
POSTINGS = {posting.label: posting for posting in build.postings()}
COVERS = {label: posting.message_id(0) for label, posting in POSTINGS.items()}
THREAD = {label: (build.HERE / "thread" / f"{label}.mbox").read_bytes() for label in LABELS}


def read(label: str) -> list[Message]:
    """The mails of a mailbox, by Python's own parser."""
    parts = re.split(rb"^From mboxrd@z .*\n", THREAD[label], flags=re.MULTILINE)
    return [message_from_bytes(re.sub(rb"^>(>*From )", rb"\1", part, flags=re.MULTILINE)) for part in parts[1:]]


def patches(label: str) -> list[Message]:
    return [mail for mail in read(label) if mail["Subject"].startswith("[PATCH ")]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def ident(mail: Message) -> str:
    return str(mail["Message-ID"]).strip("<>")


@pytest.mark.parametrize("label", LABELS)
def test_building_again_gives_the_same_bytes(label: str) -> None:
    assert build.mbox(POSTINGS[label]) == THREAD[label]


@pytest.mark.parametrize("label", LABELS)
def test_a_revision_is_a_cover_letter_and_eight_patches(label: str) -> None:
    sent = patches(label)
    assert [re.match(r"\[PATCH bpf-next v\d (\d)/8\] ", mail["Subject"])[1] for mail in sent] == list("012345678")
    assert {mail["Subject"].split()[2] for mail in sent} == {label}
    assert sent[0]["In-Reply-To"] is None
    assert {mail["In-Reply-To"] for mail in sent[1:]} == {f"<{COVERS[label]}>"}
    assert all("\ndiff --git a/" in mail.get_payload() for mail in sent[1:])
    assert all("\nSigned-off-by: Ann Author <ann@example.org>\n" in mail.get_payload() for mail in sent[1:])


def test_the_mailboxes_split_the_same_way_by_our_own_parser() -> None:
    for label in LABELS:
        ours = [parse_message(raw).message_id for raw in split_mbox(THREAD[label])]
        assert ours == [ident(mail) for mail in read(label)]


def test_every_mail_answers_one_that_is_there_and_is_older() -> None:
    for label in LABELS:
        seen: dict[str, Message] = {}
        for mail in read(label):
            parent = (mail["In-Reply-To"] or "").strip("<>")
            if parent:
                assert parent in seen, mail["Message-ID"]
                assert mail["References"].split()[-1] == f"<{parent}>"
                assert parsedate_to_datetime(mail["Date"]) > parsedate_to_datetime(seen[parent]["Date"])
            assert ident(mail) not in seen
            seen[ident(mail)] = mail


def test_revisions_lie_weeks_apart() -> None:
    sent = [posting.sent for posting in POSTINGS.values()]
    assert all((later - earlier).days >= 20 for earlier, later in pairwise(sent))


def test_everybody_lives_at_example_org() -> None:
    for label in LABELS:
        text = THREAD[label].decode()
        domains = set(re.findall(r"[\w.+-]@([\w.-]+\.\w+)", text))
        assert domains == {"example.org", "lists.example.org"}
        assert {re.match(r"https?://([^/\s]+)", url)[1] for url in re.findall(r"https?://\S+", text)} <= {
            "lore.example.org"
        }
        for mail in read(label):
            people = getaddresses([mail["From"], mail["To"], mail["Cc"]])
            assert len(people) == len({address for _, address in people}), f"{mail['Message-ID']} names one twice"


def test_a_cover_letter_links_all_earlier_revisions() -> None:
    for number, label in enumerate(LABELS):
        body = patches(label)[0].get_payload()
        links = re.findall(r"^(v\d): https://lore\.example\.org/bpf-example/(\S+)/$", body, re.MULTILINE)
        assert links == [(earlier, COVERS[earlier]) for earlier in reversed(LABELS[:number])]
        assert len(re.findall(r"^v\d -> v\d:$", body, re.MULTILINE)) == number


def test_what_answers_quote_was_written() -> None:
    for label in LABELS:
        mails = {ident(mail): mail for mail in read(label)}
        for mail in mails.values():
            above = [mails[each.strip("<>")] for each in (mail["References"] or "").split()]
            written = squeezed("\n".join(each.get_payload() for each in [*above, *patches(label)]))
            if mail["Subject"].startswith("Re: "):
                quotes = re.findall(r"^> (.*)$", mail.get_payload(), re.MULTILINE)
                assert quotes or "review-0" in ident(mail), mail["Message-ID"]
                assert [quote for quote in quotes if squeezed(quote) not in written] == [], mail["Message-ID"]


def test_the_series_is_read_as_four_revisions_with_their_comments() -> None:
    mails = [parse_message(raw) for label in LABELS for raw in split_mbox(THREAD[label])]
    document = thread_document(parse_threads(mails))
    assert document["other"] == []
    (series,) = document["series"]
    assert [revision["label"] for revision in series["revisions"]] == list(LABELS)
    for earlier, revision in zip((None, *LABELS), series["revisions"], strict=False):
        label = revision["label"]
        assert revision["cover"] == COVERS[label]
        assert [patch["position"] for patch in revision["patches"]] == list(range(1, 9))
        assert revision["missing"] == []
        assert (revision["link"] or {}).get("to") == earlier
        answers = {ident(mail) for mail in read(label) if mail["Subject"].startswith("Re: ")}
        assert set(revision["comments"]) == answers


def test_each_bug_is_where_the_expectations_say() -> None:
    diffs = {label: [mail.get_payload() for mail in patches(label)] for label in LABELS}
    wrong_log = '+__msg("max buffer access: rdonly=8 rdwr=4")\n'
    assert [wrong_log in diffs[label][7] for label in LABELS] == [True, False, False, False]
    undeclared = "+	if (!map_iter_supported(map))\n"
    assert [undeclared in diffs[label][3] for label in LABELS] == [False, True, False, False]
    assert all("map_iter_supported(const" not in diff.replace("bpf_iter_map_", "") for diff in diffs["v2"])
    switch = "+	switch (map->map_type) {\n"
    per_cpu_array = "+	case BPF_MAP_TYPE_PERCPU_ARRAY:\n"
    assert [switch in diffs[label][3] for label in LABELS] == [False, False, True, True]
    assert [per_cpu_array in diffs[label][3] for label in LABELS] == [False, False, False, True]


def test_the_expectations_name_the_revisions_there_are() -> None:
    with (build.HERE / "expected.toml").open("rb") as file:
        expected = tomllib.load(file)
    assert expected["newest"] == COVERS["v4"]
    assert tuple(expected["revisions"]) == LABELS
