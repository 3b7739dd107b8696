"""A few of the mails that `make fuzz` makes by the hundred thousand."""

import random

import pytest

from app.domain import series
from bench import fuzz, log_fuzz
from bench.mutation import Mutator

EXAMPLE = fuzz.SEEDS[-1:]

pytestmark = pytest.mark.tools


def test_mutated_mails_are_read_and_accounted_for():
    tally = fuzz.run(600, seed=7, seeds=fuzz.read_seeds(EXAMPLE))
    assert tally.findings == []
    assert tally.mails == tally.accounted + tally.copies == 600
    assert tally.threads > len(fuzz.extremes())


def test_the_same_seed_makes_the_same_mails():
    pool = [raw for thread in fuzz.read_seeds(EXAMPLE) for raw in thread]
    one, same, other = (Mutator(random.Random(seed), pool) for seed in (1, 1, 2))
    assert [one.mutate(raw) for raw in pool] == [same.mutate(raw) for raw in pool] != [other.mutate(r) for r in pool]


def test_what_goes_wrong_is_found_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(series, "_replies", lambda grouping: ({}, ()))
    monkeypatch.setattr(fuzz, "extremes", dict)
    tally = fuzz.run(20, seed=7, seeds=fuzz.read_seeds(EXAMPLE), keep=tmp_path)
    assert any("accounted for" in finding for finding in tally.findings)
    assert list(tmp_path.glob("*.eml"))


@pytest.mark.parametrize("name", fuzz.extremes())
def test_the_extremes_are_extreme(name):
    assert len(fuzz.extremes()[name]) > (2000 if "nested" in name else 50_000)


def test_logs_read_without_a_finding():
    tally = log_fuzz.run_logs(80, seed=7)
    assert tally.findings == []
    assert tally.results > 50
    assert tally.events > 20


def test_what_must_not_happen_in_a_log_is_found(monkeypatch):
    monkeypatch.setattr(log_fuzz, "MAX_NAME", 3)
    findings = log_fuzz.run_logs(20, seed=7).findings
    assert any("a name of" in one for one in findings)
