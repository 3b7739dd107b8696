"""Links to earlier revisions, in the forms that people write them."""

import time

import pytest

from app.domain.changelog import revision_links
from app.domain.message import parse_message
from tests.domain.threads import change

STEP = "v{old} -> v{new}:\n* Address comments from Ben:\n  * A point.\nv{old}: https://lore.kernel.org/bpf/{old}@x/\n"
URL = "https://lore.kernel.org/bpf/old@example.org/"


def links(text: str) -> list[tuple[str | None, str]]:
    raw = f"Subject: [PATCH v4 0/1] t\nMessage-ID: <new@example.org>\n\n{text}\n".encode()
    return [(link.label, link.message_id) for link in revision_links(parse_message(raw))]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (f"v3: {URL}", "v3"),
        (f"* v3: {URL}", "v3"),
        (f"- Link to v3: {URL}", "v3"),
        (f"- Link to v3:\n  {URL}", "v3"),
        (f"v3 link: {URL}", "v3"),
        (f"[v3] {URL}", "v3"),
        (f"V3 ({URL})", "v3"),
        (f"v3 was posted here: {URL}", "v3"),
        (f"{URL} (v3)", "v3"),
        (f"rfc: {URL}", "rfc"),
        (f"RFC v2: {URL}", "rfc v2"),
        (f"Link to RFC-v2: {URL}", "rfc v2"),
        (f"Previous version: {URL}", None),
        (f"Link to previous version: {URL}", None),
        (f"v3 -> v4:\n* Do more.\n  {URL}", "v3"),
        (f"v3->v4: Addressed comments\n- done\nDetails in here:\n{URL}", "v3"),
        (f"v3->v4: Addressed comments\n- done\n\nSome details in here:\n{URL}", "v3"),
        (f"Changes since v3:\n- done\n{URL}", "v3"),
        (f"Changes since v3 [1]:\n- done\n\n[1] {URL}", "v3"),
        (f"Changes since v3 [1]:\n- done\n\n[1]: {URL}", "v3"),
        ("Changes in v4:\n- Rebased\n- Link to v3: https://lore.kernel.org/r/old@example.org", "v3"),
        ("v3: https://patch.msgid.link/old@example.org", "v3"),
        ("v3: https://lore.kernel.org/all/old%40example.org/T/#u.", "v3"),
        ("Supersedes: <old@example.org>", None),
        (f"Supersedes: {URL}", None),
    ],
)
def test_a_link_to_a_revision(text: str, label: str | None) -> None:
    assert links(f"Text.\n\n{text}\n\nAnn (1):\n  t\n") == [(label, "old@example.org")]


@pytest.mark.parametrize(
    "text",
    [
        f"Links:\n[1] {URL}",
        f"As v3 of the other work showed: {URL}",
        f"This needs the fix in v3: {URL}",
        f"Link: {URL} [1]",
        f"- Link to dependency: {URL}",
        f"Changes in v4:\n- Fix what {URL} found",
        f"> v3: {URL}",
        f"v3 -> v4:\n- done\n\nLink: {URL}",
        "v3: https://example.org/no-message-id/",
        "v4: https://lore.kernel.org/bpf/new@example.org/",
    ],
)
def test_a_link_to_something_else(text: str) -> None:
    assert links(text) == []


def test_a_whole_change_log() -> None:
    text = "\n".join(
        ["Changes:"]
        + [STEP.format(old=new - 1, new=new) for new in (4, 3, 2)]
        + ["rfc -> v1:\n  * A point.\nrfc: https://lore.kernel.org/bpf/0@x/\n"]
    )
    assert links(text) == [("v3", "3@x"), ("v2", "2@x"), ("v1", "1@x"), ("rfc", "0@x")]


def test_only_the_text_above_a_diff_counts() -> None:
    assert links(f"v3: {URL}\n---\n{change()}\nv2: https://lore.kernel.org/bpf/other@example.org/\n") == [
        ("v3", "old@example.org")
    ]


@pytest.mark.parametrize(
    "piece",
    [
        "http://",
        "http://a ",
        f"{URL} ",
        "[1] http://a@b\n",
        "v1 [1] ",
        "v2 -> v3:\n* ",
        "http://a/@\n",
        "http://%40",
        "v3: " * 200,
    ],
    ids=repr,
)
def test_time_is_linear(piece: str) -> None:
    started = time.process_time()
    links(piece * (300_000 // len(piece)))
    assert time.process_time() - started < 4
