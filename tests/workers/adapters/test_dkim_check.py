"""DKIM signatures made here, and altered; and those of real mails, where they are at hand."""

import base64
import gzip
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import dkim
import pytest
from dkim.canonicalization import CanonicalizationPolicy
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.encoding import Base64Encoder
from nacl.signing import SigningKey

from app.domain.attestation import Check, Scheme, Signature
from app.domain.message import split_mbox
from tests.mails import mail
from workers.adapters.dkim_check import MAX_SIGNATURES, NoDnsError, check_dkim

KEY = SigningKey(b"reroll: a key of the tests only!")
RECORD = b"v=DKIM1; k=ed25519; p=" + KEY.verify_key.encode(Base64Encoder)
ANN = "ann@example.org"
PLAIN = mail("1@example.org", "[PATCH] bpf: Frob", "Frob it.\n---\n a.c | 2 +-\n").replace(b"\n", b"\r\n")


def signed(raw: bytes = PLAIN, *, domain: bytes = b"example.org", **how: object) -> bytes:
    header = dkim.sign(
        raw,
        b"sel",
        domain,
        KEY.encode(Base64Encoder),
        signature_algorithm=b"ed25519-sha256",
        canonicalize=(b"relaxed", b"simple"),
        include_headers=[b"from", b"subject", b"message-id", b"date"],
        **how,
    )
    return header + raw


def keys(**records: bytes) -> Callable[[str], bytes | None]:
    known = {name.replace("_", "."): record for name, record in records.items()}
    return lambda name: known.get(name.removeprefix("sel._domainkey."))


EXAMPLE = keys(example_org=RECORD)


def check(raw: bytes, resolve: Callable[[str], bytes | None] = EXAMPLE, author: str = ANN) -> Signature:
    (found,) = check_dkim(raw, author=author, resolve=resolve)
    return found


def said(raw: bytes, resolve: Callable[[str], bytes | None] = EXAMPLE) -> tuple[Check, str]:
    found = check(raw, resolve)
    return found.result, found.reason


def test_a_mail_as_it_was_signed_passes() -> None:
    assert check(signed()) == Signature(
        scheme=Scheme.DKIM, signer="example.org", result=Check.PASS, by_author=True, reason=""
    )


def test_line_ends_and_what_servers_put_on_top_change_nothing() -> None:
    travelled = b"Received: from a by b\n" + signed().replace(b"\r\n", b"\n")
    assert said(travelled) == (Check.PASS, "")


def test_nobody_signed() -> None:
    assert check_dkim(PLAIN, author=ANN, resolve=EXAMPLE) == []


def test_a_footer_of_a_list_is_named_for_what_it_is_and_needs_no_dns() -> None:
    def no_dns(_name: str) -> bytes | None:
        raise AssertionError("not needed")

    footed = signed() + b"_____\r\nlist mailing list\r\n"
    assert said(footed, no_dns) == (
        Check.FAIL,
        "the body was altered after it was signed, as by a list that adds a footer",
    )


def test_another_subject_is_not_what_was_signed() -> None:
    assert said(signed().replace(b"bpf: Frob", b"bpf: Drop")) == (Check.FAIL, "the header is not what was signed")


def test_a_second_from_is_not_what_was_signed() -> None:
    forged = signed().replace(b"From: Ann", b"From: Eve <eve@example.org>\r\nFrom: Ann")
    assert said(forged) == (Check.FAIL, "the header is not what was signed")


def test_another_key_than_the_domains_does_not_pass() -> None:
    other = b"k=ed25519; p=" + SigningKey(b"1" * 32).verify_key.encode(Base64Encoder)
    assert said(signed(), keys(example_org=other)) == (Check.FAIL, "the header is not what was signed")


@pytest.mark.parametrize("record", [None, b"v=DKIM1; k=ed25519; p=", b"v=spf1 -all"])
def test_a_key_that_was_withdrawn_says_nothing_against_the_mail(record: bytes | None) -> None:
    assert said(signed(), lambda _name: record) == (Check.NO_KEY, "the domain publishes no key sel any more")


def test_without_dns_it_is_not_checked() -> None:
    def silent(_name: str) -> bytes | None:
        raise NoDnsError("LifetimeTimeout")

    assert said(signed(), silent) == (Check.UNCHECKED, "no DNS: LifetimeTimeout")


@pytest.mark.parametrize(
    ("domain", "author", "by_author"),
    [
        (b"example.org", "ann@sub.example.org", True),
        (b"example.org", "ann@notexample.org", False),
        (b"lists.example.org", ANN, False),
    ],
)
def test_whose_domain_it_is(domain: bytes, author: str, *, by_author: bool) -> None:
    found = check(signed(domain=domain), lambda _name: RECORD, author=author)
    assert (found.result, found.by_author) == (Check.PASS, by_author)


def test_what_is_below_the_signed_part_is_not_the_signers() -> None:
    raw = signed(length=True)
    assert said(raw) == (Check.PASS, "")
    assert said(raw + b"more\r\n") == (Check.FAIL, "it leaves the last 6 bytes of the body open (l=)")


def test_the_time_of_a_signature_does_not_run_out_in_an_archive() -> None:
    signer = dkim.DKIM(PLAIN, signature_algorithm=b"ed25519-sha256")
    signer.hasher = dkim.HASH_ALGORITHMS[b"ed25519-sha256"]
    policy = CanonicalizationPolicy.from_c_value(b"relaxed/simple")
    body = base64.b64encode(signer.hasher(policy.canonicalize_body(signer.body)).digest())
    fields = [(b"v", b"1"), (b"a", b"ed25519-sha256"), (b"c", b"relaxed/simple"), (b"d", b"example.org")]
    fields += [(b"s", b"sel"), (b"t", b"1700000000"), (b"x", b"1700604800"), (b"h", b"from:subject")]
    fields += [(b"bh", body), (b"b", b"0" * 60)]
    header = signer.gen_header(fields, [b"from", b"subject"], policy, b"DKIM-Signature", KEY)
    raw = b"DKIM-Signature: " + header + PLAIN
    assert b"x=1700604800" in raw
    assert said(raw) == (Check.PASS, "")


@pytest.fixture(scope="module")
def rsa() -> tuple[bytes, bytes]:
    """A private key as PEM, and the record that publishes it."""
    make = ["openssl", "genrsa", "-traditional", "1024"]
    private = subprocess.run(make, check=True, capture_output=True).stdout
    show = ["openssl", "rsa", "-pubout", "-outform", "DER"]
    public = subprocess.run(show, input=private, check=True, capture_output=True).stdout
    return private, b"v=DKIM1; p=" + base64.b64encode(public)


@pytest.mark.parametrize(
    ("algorithm", "result", "reason"),
    [
        (b"rsa-sha256", Check.PASS, ""),
        (b"rsa-sha1", Check.FAIL, "rsa-sha1 proves nothing any more (RFC 8301)"),
    ],
)
def test_rsa(rsa: tuple[bytes, bytes], algorithm: bytes, result: Check, reason: str) -> None:
    header = dkim.sign(PLAIN, b"sel", b"example.org", rsa[0], signature_algorithm=algorithm)
    assert said(header + PLAIN, lambda _name: rsa[1]) == (result, reason)


def test_a_key_that_would_take_long_to_compute_with_is_not_used() -> None:
    begin = time.monotonic()
    result, reason = said(signed(), lambda _name: b"k=rsa; p=" + b"A" * 60_000)
    assert (result, reason) == (Check.FAIL, "its key is longer than 2048 bytes")
    assert time.monotonic() - begin < 1


HOSTILE = [
    b"",
    b";;;;",
    b"v=1; a=rsa-sha256",
    b"v=1; v=1; d=a; d=b",
    b"v=1; a=rsa-sha256; d=../../etc; s=x; h=from; bh=AAAA; b=AAAA",
    b"v=1; a=rsa-sha256; d=exa mple.org; s=x; h=from; bh=AAAA; b=AAAA",
    "v=1; a=rsa-sha256; d=exämple.org; s=ß; h=from; bh=AAAA; b=AAAA".encode(),
    b"v=1; a=no-such; d=example.org; s=sel; h=from; bh=AAAA; b=AAAA",
    b"v=1; a=rsa-sha256; c=odd/odd; d=example.org; s=sel; h=from; bh=AAAA; b=AAAA",
    b"v=1; a=rsa-sha256; d=example.org; s=sel; h=from; l=99999999999999999999; bh=A; b=AAAA",
    b"v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=" + b"A " * 1000 + b"!; b=AAAA",
    b"v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=AAAA; b=A" + b" " * 3000 + b"!",
    b"v=1; a=rsa-sha256; d=example.org; s=sel; h=" + b"from:" * 900 + b"; bh=AAAA; b=AAAA",
    b"v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=AAAA; b=" + b"A" * 100_000,
    b"v=1; a=rsa-sha256; i=@; d=example.org; s=sel; h=from; bh=AAAA; b=AAAA",
    b"\x00\xff" * 50,
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_headers_are_said_and_take_no_time(value: bytes) -> None:
    begin = time.monotonic()
    result, reason = said(b"DKIM-Signature: " + value + b"\r\n" + PLAIN)
    assert result is Check.FAIL
    assert reason
    assert len(reason) < 300
    assert time.monotonic() - begin < 0.5


@pytest.mark.parametrize("raw", [b"", b" folded\n\nbody", b"no colon\n\nbody", b"\xff: x\n\n", b"DKIM-Signature"])
def test_what_is_no_mail_has_no_signature(raw: bytes) -> None:
    assert check_dkim(raw, author="", resolve=EXAMPLE) == []


def test_signatures_without_end_are_not_all_checked() -> None:
    raw = b"DKIM-Signature: x\r\n" * 1000 + PLAIN
    assert len(check_dkim(raw, author=ANN, resolve=EXAMPLE)) == MAX_SIGNATURES


@settings(max_examples=300, deadline=None)
@given(at=st.integers(min_value=0), byte=st.integers(min_value=0, max_value=255))
def test_a_byte_that_is_not_what_it_was_never_makes_an_error(at: int, byte: int) -> None:
    raw = bytearray(SIGNED)
    at %= len(raw)
    before, raw[at] = raw[at], byte
    found = check_dkim(bytes(raw), author=ANN, resolve=EXAMPLE)
    assert all(len(one.reason) < 300 for one in found)
    in_body = at >= SIGNED.index(b"\r\n\r\n") + 4
    if in_body and before != byte and not {before, byte} & set(b" \t\r\n"):
        assert [one.result for one in found] == [Check.FAIL]


SIGNED = signed()
LORE = Path(__file__).parents[4] / "shared" / "lore"


@pytest.mark.skipif(not LORE.is_dir(), reason="../shared/lore, which is no part of this repository, is absent")
def test_real_mails_are_kept_as_they_were_signed_and_a_letter_more_shows() -> None:
    paths = sorted(LORE.glob("const-void-*.mbox.gz"))
    raws = [raw for path in paths for raw in split_mbox(gzip.decompress(path.read_bytes()))]
    as_they_are = [one for raw in raws for one in check_dkim(raw, author="", resolve=lambda _name: None)]
    altered = [one for raw in raws for one in check_dkim(raw + b"x\n", author="", resolve=lambda _name: None)]
    assert len(as_they_are) == len(altered) > 15
    assert {one.result for one in as_they_are} == {Check.NO_KEY}, "nothing but DNS is lacking"
    assert {one.result for one in altered} == {Check.FAIL}
