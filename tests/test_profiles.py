"""Profiles that extend others: what a reader of the file expects to be in force is."""

import json

import pytest

from app.config import load_settings
from app.errors import SubmissionError


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Return the settings that a text gives, with nothing else in force."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def settings(text: str):
        file = tmp_path / "settings.toml"
        file.write_text(text)
        monkeypatch.setenv("REROLL_CONFIG", str(file))
        return load_settings()

    return settings


def test_two_ship_and_the_full_one_takes_the_kernels_own_configuration(read):
    profiles = read("").profiles
    assert list(profiles) == ["bpf-quick", "bpf-full"]
    full = profiles["bpf-full"]
    assert full.config[0] == "tools/testing/selftests/bpf/config"
    assert set(full.suites) > set(profiles["bpf-quick"].suites)
    assert (full.config_from, full.everything, full.core) == ("nothing", True, profiles["bpf-quick"].core)


def test_the_nearest_of_those_that_set_a_value_has_it(read):
    profiles = read("""
        [profiles.house]
        extends = "bpf-full"
        cpus = 4
        core = ["bpf_iter"]
        [profiles.night]
        extends = "house"
        cpus = 8
        test_timeout = "PT12H"
    """).profiles
    night = profiles["night"]
    assert (night.cpus, night.core, night.memory_mb) == (8, ("bpf_iter",), profiles["bpf-full"].memory_mb)
    assert night.test_timeout.total_seconds() == 12 * 3600
    assert profiles["house"].cpus == 4


def test_a_table_of_a_shipped_profile_changes_what_it_sets_and_what_extends_it(read):
    profiles = read("""
        [profiles.bpf-quick]
        memory_mb = 3000
        cpus = 1
        [profiles.bpf-full]
        memory_mb = 9000
    """).profiles
    assert (profiles["bpf-quick"].memory_mb, profiles["bpf-full"].memory_mb) == (3000, 9000)
    assert profiles["bpf-full"].cpus == 1
    assert profiles["bpf-full"].everything


def test_what_extends_nothing_begins_with_the_defaults(read):
    profiles = read("[profiles.bpf-quick]\ncpus = 7\n[profiles.own]\nmemory_mb = 512").profiles
    assert (profiles["own"].cpus, profiles["own"].memory_mb) == (2, 512)


def test_an_environment_variable_goes_before_the_file_and_is_inherited(read, monkeypatch):
    monkeypatch.setenv("REROLL_PROFILES", '{"bpf-quick": {"cpus": 3}}')
    profiles = read("[profiles.bpf-quick]\ncpus = 7\nmemory_mb = 700").profiles
    assert [(profiles[name].cpus) for name in ("bpf-quick", "bpf-full")] == [3, 3]
    assert profiles["bpf-quick"].memory_mb == 700


def test_settings_handed_down_as_they_were_resolved_are_the_same(read, monkeypatch):
    first = read('[profiles.bpf-quick]\ncpus = 7\n[profiles.own]\nextends = "bpf-quick"\nmemory_mb = 512').profiles
    handed = {name: one.model_dump(mode="json") for name, one in first.items()}
    monkeypatch.setenv("REROLL_PROFILES", json.dumps(handed))
    assert read("").profiles == first


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[profiles.a]\nextends = "b"', ["'a' extends 'b'", "which is not one of ['a', 'bpf-full', 'bpf-quick']"]),
        ('[profiles.a]\nextends = "a"', ["'a' extends itself: a -> a"]),
        ('[profiles.a]\nextends = "b"\n[profiles.b]\nextends = "a"', ["extends itself: a -> b -> a"]),
        ('[profiles.bpf-quick]\nextends = "bpf-full"', ["extends itself", "bpf-quick -> bpf-full -> bpf-quick"]),
        ("[profiles.a]\nextends = 3", ["profiles.a.extends"]),
        ("[profiles]\na = 3", ["profiles.a"]),
        ('[profiles.a]\nsuites = ["test_prog"]', ["profiles.a.suites.0", "'test_progs'"]),
    ],
)
def test_what_cannot_be_inherited_is_told(read, text, words):
    with pytest.raises(SubmissionError) as raised:
        read(text)
    assert not [word for word in words if word not in str(raised.value)]


def test_what_results_do_not_depend_on_is_no_input(read):
    profiles = read("""
        [profiles.a]
        extends = "bpf-quick"
        patches = "off"
        warnings = 1
        baseline_age = "P1D"
        [profiles.b]
        extends = "bpf-quick"
        cpus = 1
    """).profiles
    assert profiles["a"].inputs() == profiles["bpf-quick"].inputs() != profiles["b"].inputs()
