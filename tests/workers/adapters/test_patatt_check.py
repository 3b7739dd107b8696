"""Developers' own signatures, made here with keys made here."""

import base64
import subprocess
from pathlib import Path

import patatt
import pytest
from nacl.signing import SigningKey

from app.domain.attestation import Check, Scheme, Signature
from tests.mails import mail
from workers.adapters.patatt_check import MAX_SIGNATURES, check_patatt

ANN = "ann@example.org"
PRIVATE = SigningKey(b"reroll: a key of the tests only!")
BODY = (
    "Frob it.\n\nSigned-off-by: Ann Author <ann@example.org>\n---\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n"
)
PLAIN = mail("1@example.org", "[PATCH] bpf: Frob", BODY + "-one\n+two\n")


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    add_key(tmp_path, "ed25519", "default", base64.b64encode(PRIVATE.verify_key.encode()))
    return tmp_path


def add_key(keyring: Path, algorithm: str, selector: str, key: bytes) -> None:
    place = keyring / algorithm / "example.org" / "ann" / selector
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(key)


def signed(identity: str | None = ANN, selector: str | None = None) -> bytes:
    message = patatt.PatattMessage(PLAIN)
    message.sign("ed25519", base64.b64encode(PRIVATE.encode()), identity, selector)
    return message.as_bytes()


def check(raw: bytes, keyring: Path | None, author: str = ANN) -> Signature:
    (found,) = check_patatt(raw, author=author, keyring=str(keyring) if keyring else None)
    return found


def said(raw: bytes, keyring: Path | None) -> tuple[Check, str]:
    found = check(raw, keyring)
    return found.result, found.reason


def test_a_signature_with_a_key_of_the_keyring_passes(keyring: Path) -> None:
    assert check(signed(), keyring) == Signature(
        scheme=Scheme.PATATT, signer=ANN, result=Check.PASS, by_author=True, reason="ed25519"
    )


def test_line_ends_and_a_footer_of_the_mailer_change_nothing(keyring: Path) -> None:
    travelled = b"Received: from a by b\n" + signed().replace(b"\n", b"\r\n")
    assert said(travelled, keyring) == (Check.PASS, "ed25519")


def test_who_signed_for_another_is_not_the_author(keyring: Path) -> None:
    assert check(signed(), keyring, author="eve@example.org").by_author is False


def test_nobody_signed(keyring: Path) -> None:
    assert check_patatt(PLAIN, author=ANN, keyring=str(keyring)) == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"+two", b"+six", "the patch was altered after it was signed"),
        (b"bpf: Frob", b"bpf: Drop", "the header is not what was signed"),
        (b"From: Ann", b"From: Eve", "the header is not what was signed"),
    ],
)
def test_what_was_altered_does_not_pass(keyring: Path, old: bytes, new: bytes, reason: str) -> None:
    assert said(signed().replace(old, new), keyring) == (Check.FAIL, reason)


def test_a_key_that_nobody_gave_us_is_said_to_be_unknown(keyring: Path, tmp_path: Path) -> None:
    assert said(signed(), None) == (Check.NO_KEY, "ed25519; no keyring is set up")
    assert said(signed(selector="work"), keyring) == (Check.NO_KEY, "ed25519; it is not in the keyring")


def test_the_key_of_another_does_not_pass(keyring: Path) -> None:
    add_key(keyring, "ed25519", "default", base64.b64encode(SigningKey(b"1" * 32).verify_key.encode()))
    assert said(signed(), keyring) == (Check.FAIL, "the header is not what was signed")


def test_a_key_that_is_none_is_said(keyring: Path) -> None:
    add_key(keyring, "ed25519", "default", b"no key")
    result, reason = said(signed(), keyring)
    assert result is Check.FAIL
    assert reason.startswith("it cannot be read: ")


def test_openpgp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    gpg = ["gpg", "--batch", "--quiet", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-generate-key", ANN, "ed25519", "sign", "0"], check=True, capture_output=True)
    message = patatt.PatattMessage(PLAIN)
    message.sign("openpgp", ANN, ANN, None)
    public = subprocess.run([*gpg, "--export", ANN], check=True, capture_output=True).stdout
    subprocess.run(["gpgconf", "--kill", "all"], check=True, capture_output=True)
    monkeypatch.delenv("GNUPGHOME")
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    keyring = tmp_path / "keyring"
    add_key(keyring, "openpgp", "default", public)

    assert said(message.as_bytes(), keyring) == (Check.PASS, "openpgp")
    assert said(message.as_bytes().replace(b"+two", b"+six"), keyring)[0] is Check.FAIL
    assert said(message.as_bytes(), tmp_path / "empty") == (Check.NO_KEY, "openpgp; it is not in the keyring")
    assert not (tmp_path / "nobody").exists(), "the keyring of whom the worker runs as is left alone"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"v=1; a=ed25519-sha256; i=ann@example.org",
        b"v=1; a=ed25519-sha256; i=ann@../..; s=..; h=from:subject; bh=x; b=y",
        b"v=1; a=ed25519-sha256; i=ann@example.org; s=../../secret; h=from:subject; bh=x; b=y",
        b"v=1; a=../x; i=ann@example.org; h=from:subject; bh=x; b=y",
        b"v=1; a=ed25519-sha256; i=ann@example.org; h=from:subject; l=x; bh=\xff; b=\xff",
        b"\xff\xfe=1; a=\xff",
        b"v=1; a=ed25519-sha256; i=\xff@example.org; h=from:subject; bh=x; b=y",
        b"v=1; a=ed25519-sha256; i=ann@example.org; h=from:subject; bh=x; b=" + b"=?utf-8?q?=C3?=" * 50,
    ],
)
def test_hostile_headers_are_said(keyring: Path, value: bytes) -> None:
    found = check(b"X-Developer-Signature: " + value + b"\n" + PLAIN, keyring)
    assert found.result is Check.FAIL
    assert 0 < len(found.reason) <= 200


def test_a_mail_that_git_cannot_read_is_said(keyring: Path) -> None:
    raw = signed()
    assert said(raw.replace(b"From: Ann Author <ann@example.org>\n", b""), keyring)[0] is Check.FAIL
    assert said(raw.partition(b"\n\n")[0] + b"\n\n", keyring)[0] is Check.FAIL


def test_headers_without_end_are_not_all_checked(keyring: Path) -> None:
    raw = b"X-Developer-Signature: v=1\n" * 1000 + PLAIN
    assert len(check_patatt(raw, author=ANN, keyring=str(keyring))) == MAX_SIGNATURES


def test_what_is_missing_on_this_host_is_not_the_mails_fault(keyring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = signed()
    monkeypatch.setenv("PATH", str(keyring / "empty"))
    assert said(raw, keyring) == (Check.UNCHECKED, "git is not installed")
