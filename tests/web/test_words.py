"""The words of chips and sentences."""

import pytest

from app.db.models import Run, RunState
from app.db.queries.runs import RevisionRuns
from app.domain.outcome import ChangeClass, Verdict
from app.web.words import Tone, broken_base, revision_chips, run_chips, split_sentence


def run(verdict: Verdict | None, **values: object) -> Run:
    defaults = {"id": 1, "verdict": verdict, "state": RunState.DONE, "evidence": {}, "revision_id": 1, "only": None}
    return Run(**(defaults | values))


@pytest.mark.parametrize(
    ("made", "counts", "words"),
    [
        (run(Verdict.CLEAN), {}, ["clean"]),
        (run(Verdict.CLEAN), {ChangeClass.FLAKY: 1, ChangeClass.NEW_PASS: 4}, ["clean", "1 flaky"]),
        (run(Verdict.CLEAN), {ChangeClass.DISAPPEARED: 2}, ["clean", "2 tests gone"]),
        (
            run(Verdict.REGRESSED),
            {ChangeClass.REGRESSION: 1, ChangeClass.NEW_FAILURE: 2},
            ["1 regression", "2 new failures"],
        ),
        (run(Verdict.REGRESSED), {}, ["regressed"]),
        (run(Verdict.DOES_NOT_APPLY, evidence={"apply": {"position": 2}}), {}, ["does not apply · 2/4"]),
        (run(Verdict.DOES_NOT_BUILD, evidence={"build": {"errors": [{}, {"patch": 3}]}}), {}, ["does not build · 3/4"]),
        (run(Verdict.DOES_NOT_BUILD, evidence={"build": {"errors": [{"patch": None}]}}), {}, ["does not build"]),
        (run(Verdict.INCONCLUSIVE), {}, ["inconclusive"]),
        (run(None, state=RunState.WAITING), {}, ["waits to be judged"]),
        (run(None, revision_id=None), {}, ["measured"]),
        (run(None, revision_id=None, sentence="gave up"), {}, ["of no use"]),
    ],
)
def test_what_a_run_says(made: Run, counts: dict[ChangeClass, int], words: list[str]) -> None:
    assert [chip.text for chip in run_chips(made, counts, patches=4)] == words


def test_a_revision_that_runs_again_says_both() -> None:
    runs = RevisionRuns(runs=[run(Verdict.CLEAN), run(None, id=2, state=RunState.RUNNING)])
    assert [chip.text for chip in revision_chips(runs, {}, 4)] == ["clean", "running again"]
    assert [chip.text for chip in revision_chips(RevisionRuns(), {}, 4)] == ["not tested"]


@pytest.mark.parametrize(
    ("sentence", "head"),
    [
        ("v4 is clean. The regression of v3 is fixed.", "v4 is clean"),
        ("v3 regresses 1 test: bpf_iter/ksym.", "v3 regresses 1 test"),
        ("v2 does not build: a.c:412: no such thing.", "v2 does not build"),
        ("v5.1 is clean, but 2 tests are gone.", "v5.1 is clean"),
        ("x", "x"),
        ("", ""),
    ],
)
def test_a_sentence_is_split_after_its_first_clause(sentence: str, head: str) -> None:
    found = split_sentence(sentence, Tone.GOOD)
    assert found.head == head
    assert found.head + found.rest == sentence


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({"applied": True, "built": False, "booted": False}, "it does not build"),
        ({"applied": True, "built": True, "booted": False}, "it does not boot"),
        ({"applied": False, "built": False}, "what the series needs does not apply to it"),
    ],
)
def test_a_broken_base_is_called_broken_and_nobody_is_blamed(evidence: dict[str, bool], said: str) -> None:
    base = Run(state=RunState.DONE, results_attempt=1, evidence=evidence)
    statement = broken_base(base)
    assert statement is not None
    assert f"{statement.head}{statement.rest}".startswith(f"The base is broken: {said}. No series is blamed")
    assert [chip.text for chip in run_chips(base, {})] == ["broken"]


@pytest.mark.parametrize(
    "other",
    [
        Run(state=RunState.DONE, results_attempt=1, evidence={"applied": True, "built": True, "booted": True}),
        Run(state=RunState.RUNNING, evidence={}),
        Run(state=RunState.DONE, results_attempt=1, revision_id=3, evidence={"built": False}),
    ],
)
def test_any_other_run_is_not(other: Run) -> None:
    assert broken_base(other) is None
