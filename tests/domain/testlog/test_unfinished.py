"""What an output itself says was begun, and of which it tells no result."""

import pytest

from app.domain.testlog import parser_for
from app.domain.testlog.suite import MAX_UNFINISHED


def not_run(suite: str, data: bytes) -> tuple[str, ...]:
    parser = parser_for(suite)
    parser.feed(data)
    return parser.finish().summary.not_run


@pytest.mark.parametrize(
    ("suite", "data", "names"),
    [
        ("test_progs", b"#1       a:OK\n#2/1     b/x:OK\n#3/1     c/x:FAIL\nCaught signal #11!\n", ("b", "c")),
        ("test_progs", b"#2/1     b/x:OK\n#2       b:OK\n", ()),
        ("test_progs", b"#2/1     b/x:OK\nSummary: 0/1 PASSED, 0 SKIPPED, 0 FAILED\n", ()),
        ("test_progs", b"#7/1 tc ingress:OK\n", ("#7",)),
        ("test_verifier", b"#0/p a OK\n#1/p b , verifier log:\n0: (b7) r0 = 0\n", ("b/p",)),
        ("test_verifier", b"#1/p b , verifier log:\n0: (b7) r0 = 0\nOK\n", ()),
        ("test_maps", b"Failed to create hashmap 'x'!\n", ("test_maps",)),
        ("test_maps", b"a:PASS\ntest_maps: OK, 0 SKIPPED\n", ()),
        ("test_maps", b"", ()),
        (
            "kselftest",
            b"1..3\n# selftests: net: a\nok 1 selftests: net: a\n# selftests: net: b\n# selftests: net: c\n",
            ("net/b", "net/c"),
        ),
        (
            "kselftest",
            b"1..1\n# selftests: bpf: test_progs\n# #1/1     p/a:OK\n",
            ("bpf/test_progs/p", "bpf/test_progs"),
        ),
        ("kselftest", b"1..1\n    # Subtest: s\n    1..2\n        # Subtest: deep\n        ok 1 a\n", ("s", "s/deep")),
        ("kselftest", b"    # Subtest: s\n        # Subtest: deep\n        ok 1 a\n    ok 1 deep\nok 1 s\n", ()),
        ("kselftest", b"    # Subtest: s\n        # Subtest: deep\n        ok 1 a\nok 1 s\n", ("s/deep",)),
        ("kselftest", b"# Subtest: s\n    ok 1 a\nok 1 - s\n", ()),
        ("kselftest", b"1..5\nok 1 a\nok 5 e\n", ()),
    ],
)
def test_what_has_no_result(suite: str, data: bytes, names: tuple[str, ...]) -> None:
    assert sorted(not_run(suite, data)) == sorted(names)


def test_what_gets_its_result_when_the_suite_runs_once_more_was_run() -> None:
    parser = parser_for("test_progs")
    parser.feed(b"#2/1     b/x:OK\n")
    assert parser.end().summary.not_run == ("b",)
    parser.begin()
    parser.feed(b"#2/1     b/x:OK\n#2       b:OK\n")
    assert parser.finish().summary.not_run == ()


def test_very_many_are_not_kept() -> None:
    begun = b"".join(b"# selftests: net: t%d\n" % number for number in range(MAX_UNFINISHED + 50))
    assert len(not_run("kselftest", begun)) == MAX_UNFINISHED
