import json

import pytest

from app.domain.results_document import console_document
from tests.inspected import results_document


def test_results() -> None:
    document = results_document(b"#1       bpf_iter:OK\nf:FAIL:3 no\n#2       align:FAIL\n#3/1     zip/a:OK\n")
    assert document == {
        "suite": "test_progs",
        "summary": {
            "complete": False,
            "tests": 2,
            "counted": 3,
            "passed": 2,
            "failed": 1,
            "errors": 0,
            "skipped": 0,
            "crash": None,
            "dropped": 0,
            "rest": "",
            "claimed": None,
        },
        "results": [
            {
                "name": "bpf_iter",
                "ordinal": 0,
                "outcome": "pass",
                "aggregate": False,
                "message": None,
                "detail": None,
                "duration_s": None,
            },
            {
                "name": "align",
                "ordinal": 0,
                "outcome": "fail",
                "aggregate": False,
                "message": "no",
                "detail": "f:FAIL:3 no",
                "duration_s": None,
            },
            {
                "name": "zip/a",
                "ordinal": 0,
                "outcome": "pass",
                "aggregate": False,
                "message": None,
                "detail": None,
                "duration_s": None,
            },
        ],
        "not_run": ["zip"],
    }


@pytest.mark.parametrize(
    ("data", "suite"),
    [
        (b"#1       a:OK\n", "test_progs"),
        (b"#0/u add+sub OK\n#0/p add+sub OK\n", "test_verifier"),
        (b"TAP version 13\n1..1\nok 1 a\n", "kselftest"),
        (b"array_map_batch_ops:PASS\ntest_maps: OK, 2 SKIPPED\n", "test_maps"),
        (b"", "test_progs"),
    ],
)
def test_the_suite_is_told_from_its_output(data: bytes, suite: str) -> None:
    assert results_document(data)["suite"] == suite


def test_the_suite_can_be_named() -> None:
    assert results_document(b"", suite="test_progs-no_alu32")["suite"] == "test_progs-no_alu32"


def test_a_guests_stream() -> None:
    data = (
        b'@@reroll {"event":"ready"}\n@@reroll {"event":"begin","suite":"test_maps"}\na:PASS\ntest_maps: OK, 0 SKIPPED'
    )
    document = results_document(data)
    assert document["ready"]
    assert (document["suite"], len(document["results"]), document["ended"]) == ("test_maps", 2, False)
    both = results_document(data + b'\n@@reroll {"event":"begin","suite":"test_progs"}\n#1       a:OK\n')
    assert [(each["suite"], len(each["results"]), each["ended"]) for each in both["suites"]] == [
        ("test_maps", 2, False),
        ("test_progs", 1, False),
    ]


def test_console() -> None:
    document = console_document([b"Run /init as init process\nKernel panic - not syncing: no\n---[ end Kernel panic\n"])
    assert document["reached_userspace"]
    assert [(event["kind"], event["title"], event["line"]) for event in document["events"]] == [
        ("panic", "panic: no", 2)
    ]
    assert len(json.dumps(document)) > 100
