"""Which signature says most, and which may come out otherwise."""

import pytest

from app.domain.attestation import Check, Scheme, Signature, settled, told


def one(scheme: Scheme, result: Check, *, by_author: bool = True) -> Signature:
    return Signature(scheme=scheme, signer="example.org", result=result, by_author=by_author)


DKIM, OWN = Scheme.DKIM, Scheme.PATATT


@pytest.mark.parametrize(
    ("signatures", "said"),
    [
        ([], None),
        ([one(DKIM, Check.FAIL), one(DKIM, Check.PASS)], one(DKIM, Check.PASS)),
        ([one(DKIM, Check.PASS), one(OWN, Check.FAIL)], one(OWN, Check.FAIL)),
        ([one(DKIM, Check.PASS), one(OWN, Check.NO_KEY)], one(DKIM, Check.PASS)),
        ([one(DKIM, Check.PASS, by_author=False)], None),
        ([one(DKIM, Check.UNCHECKED), one(OWN, Check.NO_KEY)], None),
    ],
)
def test_what_says_most_of_the_author(signatures: list[Signature], said: Signature | None) -> None:
    assert told(signatures) == said


@pytest.mark.parametrize(
    ("signatures", "final"),
    [
        ([], True),
        ([one(DKIM, Check.PASS), one(OWN, Check.FAIL)], True),
        ([one(DKIM, Check.NO_KEY)], True),
        ([one(OWN, Check.NO_KEY)], False),
        ([one(DKIM, Check.UNCHECKED), one(DKIM, Check.PASS)], False),
    ],
)
def test_what_may_come_out_otherwise_another_time(signatures: list[Signature], *, final: bool) -> None:
    assert settled(signatures) is final


def test_all_of_it_in_a_line() -> None:
    broken = Signature(scheme=DKIM, signer="example.org", result=Check.FAIL, by_author=True, reason="altered")
    assert broken.words == "DKIM example.org: fail (altered)"
    assert Signature(scheme=OWN, signer="", result=Check.FAIL, by_author=False).words == "patatt of nobody: fail"
