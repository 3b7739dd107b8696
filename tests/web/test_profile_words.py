"""The effective profile in words, from what a worker of any version stored."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import load_settings
from app.web.profile_words import profile_words


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """Return a shipped profile as a run keeps it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REROLL_CONFIG", raising=False)
    return lambda name: load_settings().profiles[name].model_dump(mode="json")


def test_the_quick_profile_says_what_it_leaves_out(stored):
    words = dict(profile_words(stored("bpf-quick")))
    assert words["tests"] == (
        "what the series touches and 31 of the core; test_verifier, test_maps and veristat where their code is touched"
    )
    assert words["kernel"] == "tinyconfig with bpf-quick.config"
    assert words["patches"] == "each built and tested on its own"
    assert words["limits"] == "90 s to boot, 2 min of silence, 20 min for all tests, 1 h a build"
    assert words["baseline"] == "made again after 7 days"


def test_the_full_profile_says_where_its_configuration_comes_from(stored):
    words = dict(profile_words(stored("bpf-full") | {"warnings": 1}))
    assert words["extends"] == "bpf-quick"
    assert words["kernel"] == (
        "the tree's defaults with bpf/config, bpf/config.vm, bpf/config.x86_64, sched_ext/config and guest.config"
    )
    assert words["tests"].startswith("all of test_progs, test_verifier")
    assert words["patches"] == "each built on its own, warnings of W=1"


KEYS = st.sampled_from(["pool", "cpus", "suites", "config", "patches", "boot_timeout", "what"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_whatever_is_stored_can_be_read(stored: Any):
    assert isinstance(profile_words(stored), list)


def test_no_profile_has_no_words():
    assert profile_words(None) == profile_words({}) == profile_words({"cpus": "many"}) == []
