"""How tests of several suites are spelled, and in which order a machine runs them."""

import pytest

from app.domain.suites import Invocation, Suite, invocations, origin, read, spelled


@pytest.mark.parametrize(
    ("suite", "name", "text"),
    [
        ("test_progs", "bpf_iter", "bpf_iter"),
        ("test_progs-cpuv4", "bpf_iter", "test_progs-cpuv4:bpf_iter"),
        ("veristat", "loop1.bpf.o", "veristat:loop1.bpf.o"),
    ],
)
def test_a_spelling_reads_back(suite, name, text):
    assert spelled(suite, name) == text
    assert read(text) == (suite, name)


@pytest.mark.parametrize(
    ("suite", "name", "text"),
    [
        ("test_progs", "bpf_iter/ksym: a, b", "bpf_iter"),
        ("test_progs-no_alu32", "bpf_iter/ksym", "test_progs-no_alu32:bpf_iter"),
        ("test_verifier", "calls: not on unprivileged/p", "test_verifier:*"),
        ("test_maps", "test_maps", "test_maps:*"),
        ("veristat", "loop1.bpf.o/prog", "veristat:loop1.bpf.o"),
    ],
)
def test_what_has_to_be_run_again_for_a_result(suite, name, text):
    assert origin(suite, name) == text


def test_one_invocation_for_what_is_in_order_and_another_where_it_goes_back():
    tests = ["a", "b", "test_verifier:*", "c", "aa", "test_progs-cpuv4:a", "test_progs-cpuv4:b"]
    assert [(one.suite, one.tests) for one in invocations(tests)] == [
        ("test_progs", ("a", "b")),
        ("test_verifier", ()),
        ("test_progs", ("c",)),
        ("test_progs", ("aa",)),
        ("test_progs-cpuv4", ("a", "b")),
    ]
    assert invocations([]) == ()
    assert invocations(["test_maps:*"]) == (Invocation(suite=Suite.TEST_MAPS, tests=()),)


def test_an_unknown_suite_is_refused():
    with pytest.raises(ValueError, match="kvm"):
        invocations(["kvm:a"])


def test_flavours():
    assert [one.flavour for one in Suite] == ["", "no_alu32", "cpuv4", None, None, None]
