"""Subjects in the shapes that lists have seen, each with what a person would read in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.subject import MAX_TOTAL, kernel_of, parse_subject


@pytest.mark.parametrize(
    ("text", "version", "number", "tags"),
    [
        ("[PATCH bpf-next v4 0/8] t", 4, (0, 8), ("bpf-next",)),
        ("[PATCH v6 bpf-next 0/3] t", 6, (0, 3), ("bpf-next",)),
        ("[net,v2,1/2] t", 2, (1, 2), ("net",)),
        ("[PATCHv3 2/3] t", 3, (2, 3), ()),
        ("[PATCH1/8] t", 1, (1, 8), ()),
        ("[v2PATCH12/15] t", 2, (12, 15), ()),
        ("[PATCH 1 of 2] t", 1, (1, 2), ()),
        ("[PATCH  2 / 7] t", 1, (2, 7), ()),
        ("[[PATCH] v2] t", 2, (1, 1), ()),
        ("[PATCH] [v2] t", 2, (1, 1), ()),
        ("[bpf-next 0/4] t", 1, (0, 4), ("bpf-next",)),
        ("[PATCH v5 v5 2/3] t", 5, (2, 3), ()),
        ("[PATCH,bpf-next v2 1/4] t", 2, (1, 4), ("bpf-next",)),
        ("[patch V3 01/12] t", 3, (1, 12), ()),
        ("[PATCH 11/10] t", 1, (11, 10), ()),
        ("[PATCH -next] t", 1, (1, 1), ("-next",)),
        ("[PATCH 2/2]t", 1, (2, 2), ()),
        ("PATCH v2 1/3: t", 2, (1, 3), ()),
        ("[PATCH 00/10] [v3] t", 3, (0, 10), ()),
        ("[PATCH v 2 1/2] t", 2, (1, 2), ()),
        ("[PATCH_v2 1/2] t", 2, (1, 2), ()),
        ("[PATCH -v2 1/3]: t", 2, (1, 3), ()),
        ("[PATCHSET v2 0/5] t", 2, (0, 5), ()),
        ("[PATCH v2 1/2] [PATCH v2 1/2] t", 2, (1, 2), ()),
        ("[Some-list] [PATCH net-next v5 1/3] t", 5, (1, 3), ("Some-list", "net-next")),
        ("v2 10/12: t", 2, (10, 12), ()),
        ("PATCH v3 1/2] t", 3, (1, 2), ()),
        ("[PATCH v3 1/2 t", 3, (1, 2), ()),
        ("RFC: [PATCH v3 1/2] t", 3, (1, 2), ()),
        ("[PATCH bpf-nextv2 1/2] t", 2, (1, 2), ("bpf-next",)),
        ("[PATCH v2-1/4] t", 2, (1, 4), ()),
        ("[PATCH 1/2-v3] t", 3, (1, 2), ()),
        ("[PATCH version 3 1\\2] t", 3, (1, 2), ()),
        ("[PATCH SET v2 0/3] t", 2, (0, 3), ()),
        ("[PATCH v2 #2/3] t", 2, (2, 3), ()),
        # kernels, not revisions
        ("[PATCH v7.0 1/2] t", 1, (1, 2), ("v7.0",)),
        ("[PATCH 5.10/5.15] t", 1, (1, 1), ("5.10/5.15",)),
        ("[PATCH linux-6.6.y v2 1/3] t", 2, (1, 3), ("linux-6.6.y",)),
        ("[PATCH v6.12-rc1] t", 1, (1, 1), ("v6.12-rc1",)),
        ("[PATCH 6.18 00/01] t", 1, (0, 1), ("6.18",)),
        ("[PATCH 14/19 v6.1.y] t", 1, (14, 19), ("v6.1.y",)),
        ("[PATCH v6.1 1/3] t", 1, (1, 3), ("v6.1",)),
        ("[PATCH 5.15.y v2 1/3] t", 2, (1, 3), ("5.15.y",)),
    ],
)
def test_patches(text: str, version: int, number: tuple[int, int], tags: tuple[str, ...]) -> None:
    subject = parse_subject(text)
    assert (subject.title, subject.version, (subject.position, subject.total), subject.tags) == (
        "t",
        version,
        number,
        tags,
    )
    assert subject.is_patch
    assert not subject.is_reply


@pytest.mark.parametrize("text", ["[PATCH v5.1 10/12] t", "v5.1 10/12 t", "[patch V5a 10/12] t"])
def test_a_revision_of_a_revision(text: str) -> None:
    subject = parse_subject(text)
    assert (subject.version, subject.minor, subject.position, subject.title) == (5, 1, 10, "t")


@pytest.mark.parametrize("title", ["rv: t", "vs: t", "tr: t", "of: t", "R3: t"])
def test_the_name_of_a_subsystem_is_no_answer(title: str) -> None:
    for text in (title, f"[PATCH v2 1/2] {title}"):
        assert not parse_subject(text).is_reply
        assert parse_subject(text).title == title


@pytest.mark.parametrize(
    "text",
    [
        "[tip: sched/core] sched: t",
        "+ mm-t.patch added to mm-unstable branch",
        "[merged mm-stable] mm-t.patch removed from -mm tree",
        'Patch "bpf: t" has been added to the 6.6-stable tree',
        'FAILED: patch "[PATCH] bpf: t" failed to apply to 6.6-stable tree',
        "[ANNOUNCE] 6.12-rt1",
        "[bug report] bpf: t",
        "[syzbot] [bpf?] KASAN: t",
    ],
)
def test_notices(text: str) -> None:
    assert parse_subject(text).is_notice


@pytest.mark.parametrize(
    "text",
    [
        "[BUG] [PATCH v2] bpf: t",
        "[BUG FIX] bpf: t",
        "[REGRESSION PATCH] bpf: t",
        "[PATCH tip: sched/core] t",
        "[PATCH] Announce t",
    ],
)
def test_patches_that_look_like_notices(text: str) -> None:
    assert not parse_subject(text).is_notice


def test_the_kernel_of_a_tag() -> None:
    kernels = {tag: kernel_of(tag) for tag in ("6.1", "v6.1.y", "linux-6.1.y", "6.1-stable", "v6.2-rc1", "net", "v6")}
    assert kernels == dict.fromkeys(("6.1", "v6.1.y", "linux-6.1.y", "6.1-stable"), "6.1") | dict.fromkeys(
        ("v6.2-rc1", "net", "v6")
    )


@pytest.mark.parametrize(
    "text",
    [
        "[PATCH RFC bpf-next v2 0/5] t",
        "[RFC v2 PATCH 0/5] t",
        "[RFCv2 0/5] t",
        "[PATCH/RFC v2 0/5] t",
        "[RFC-v2 PATCH 0/5] t",
        "[RFC/RFT PATCH v2 0/5] t",
    ],
)
def test_for_comments(text: str) -> None:
    subject = parse_subject(text)
    assert (subject.rfc, subject.version, subject.position, subject.total) == (True, 2, 0, 5)


@pytest.mark.parametrize(
    "text",
    [
        "[RESEND PATCH v6 2/9] t",
        "[PATCH v6 RESEND 2/9] t",
        "[PATCH REPOST v6 2/9] t",
        "[PATCHv6-RESEND 2/9] t",
        "[PATCH RESEND2 v6 2/9] t",
    ],
)
def test_sent_again(text: str) -> None:
    subject = parse_subject(text)
    assert (subject.resend, subject.version, subject.position, subject.title) == (True, 6, 2, "t")


@pytest.mark.parametrize(
    "prefix", ["Re:", "RE: ", "Re: AW: SV: 回复: ", "回复\uff1a", "Re[2]: ", "Fwd: ", "[syzbot ci] Re: ", "[EXT] Re: "]
)
def test_replies(prefix: str) -> None:
    subject = parse_subject(f"{prefix}[PATCH v2 1/2] t")
    assert (subject.is_reply, subject.version, subject.position, subject.title) == (True, 2, 1, "t")


def test_a_title_that_says_v2_is_no_second_version() -> None:
    subject = parse_subject("[PATCH] cgroup: support v2 1/2 of the time")
    assert (subject.version, subject.versioned, subject.numbered) == (1, False, False)
    assert subject.title == "cgroup: support v2 1/2 of the time"


def test_pull_requests_and_other_projects() -> None:
    assert parse_subject("[GIT PULL] fixes for 6.19").is_pull
    assert parse_subject("[PULL 0/9] fixes").is_pull
    assert not parse_subject("[PATCH] Pull the lever").is_pull
    assert parse_subject("[PATCH iproute2-next v2 1/2] ip: t").elsewhere == "iproute2-next"
    assert parse_subject("[PATCH net-next v2 1/2] ip: t").elsewhere is None
    assert parse_subject("[kvm-unit-tests PATCH v3 1/2] x86: t").elsewhere == "kvm-unit-tests"
    assert parse_subject("[PATCH net-next ethtool 1/2] ip: t").elsewhere is None


def test_absurd_numbers_are_no_numbering() -> None:
    subject = parse_subject(f"[PATCH 1/{MAX_TOTAL + 1}] t")
    assert not subject.numbered


@given(st.text(max_size=200) | st.from_regex(r"(\[(PATCH|RFC|v\d|\d/\d| |\]|\[)*\] ?)+[a-z]*", fullmatch=True))
def test_any_text_is_read(text: str) -> None:
    subject = parse_subject(text)
    assert 0 <= subject.position <= MAX_TOTAL
    assert subject.version >= 0
    assert len(subject.tags) <= 20
