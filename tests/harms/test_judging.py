"""The examiner itself: that it finds fault with what is wrong, and none with what is right."""

import pytest

from tests.harms.judging import shown, surprises
from tests.harms.running import Judged
from tests.harms.series import Expected

BLAMED = {"name": "map_kptr/x", "class": "regression", "reason": "base passed 3 of 3"}
FIRST = {"kind": "first bad patch", "position": 7, "earliest": 7, "tests": ["map_kptr/x", "dynptr/y"]}
EXPECTED = Expected(
    verdict="regressed",
    blamed={"map_kptr/x": 7},
    said=("wants .rcu_.",),
    not_said=("not run",),
    may_blame=("dynptr/*",),
)
MAIL = "v1 regresses 1 test: map_kptr/x. The first bad patch is patch\n7 (bpf: X): map_kptr/x fails. It wants 'rcu_'."


def judged(verdict="regressed", blamed=(BLAMED,), mails=(MAIL,), changes=(), findings=(FIRST,)):
    document = {"verdict": verdict, "sentence": "v1 regresses 1 test: map_kptr/x.", "blamed": list(blamed)}
    document["patches"] = {"findings": list(findings)}
    return Judged(run={}, verdict=document, changes=tuple(changes), mails=tuple(mails), seconds=60)


def test_what_is_right_is_no_surprise():
    assert surprises(EXPECTED, [judged()]) == []
    also = BLAMED | {"name": "dynptr/y"}
    assert surprises(EXPECTED, [judged(blamed=[BLAMED, also])]) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"verdict": "clean"}, "the verdict is clean, not regressed"),
        ({"blamed": ()}, "map_kptr/x is not blamed"),
        ({"blamed": [BLAMED, BLAMED | {"name": "ringbuf"}]}, "ringbuf is blamed"),
        ({"findings": [FIRST | {"position": 6, "earliest": 6}]}, "on patch 6, not on patch 7"),
        ({"findings": [FIRST | {"earliest": 5}]}, "on patch None, not on patch 7"),
        ({"findings": []}, "on patch None, not on patch 7"),
        ({"mails": ()}, "there was no mail"),
        ({"mails": [MAIL.replace("7 (", "17 (")]}, "does not name patch 7"),
        ({"mails": [MAIL.replace("rcu_", "rcu")]}, "neither sentence nor mail says"),
        ({"mails": [f"{MAIL} 3 tests were\nnot run."]}, "sentence or mail says 'not run'"),
    ],
)
def test_each_kind_of_wrong_is_said(wrong, said):
    found = surprises(EXPECTED, [judged(**wrong)])
    assert len(found) == 1
    assert said in found[0]


def test_a_class_has_to_be_seen_in_one_of_several_runs():
    flaky = Expected(verdict="clean", classes={"bloom": "flaky"})
    seen = [{"name": "bloom", "class": "flaky"}]
    calm, shaken = judged("clean", ()), judged("clean", (), changes=seen)
    assert surprises(flaky, [calm, shaken, calm]) == []
    assert surprises(flaky, [calm, calm]) == ["bloom is unchanged, not flaky"]
    assert (shown(flaky, [calm, calm]), shown(flaky, [calm, shaken])) == (False, True)
    blamed = judged("regressed", [BLAMED | {"name": "bloom"}], changes=seen)
    assert [one.partition(":")[0] for one in surprises(flaky, [calm, blamed])] == ["run 2", "run 2"]
