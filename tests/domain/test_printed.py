"""What real kernels made test_progs print with `-v` and iter_tap.c: 6.12 as it is, and one with two changes.

The changed one says "BPF_ATOMIC writes into R%d %s isnt permitted", and its array iterator goes on by two elements.
"""

from pathlib import Path

from app.domain.log_diff import Where
from app.domain.output_diff import PartDiff, diff_outputs
from app.domain.test_output import PartKind
from app.domain.verifier_log import find_checks

PRINTED = Path(__file__).parents[1] / "data" / "printed"


def printed(name: str, side: str) -> list[str]:
    return (PRINTED / f"{name}-{side}.txt").read_text().splitlines()


def differing(name: str) -> list[PartDiff]:
    return [one for one in diff_outputs(printed(name, "base"), printed(name, "patched")) if not one.same]


def news(part: PartDiff) -> list[tuple[Where, str]]:
    return [(line.where, line.text) for line in part.diff.lines if line.where in {Where.LEFT, Where.RIGHT}]


def test_the_check_of_the_changed_message() -> None:
    (check,) = find_checks(printed("atomic-ctx", "patched"))
    assert check.sentence == (
        "expected “BPF_ATOMIC stores into R1 ctx is not allowed”, the verifier's log says "
        "“BPF_ATOMIC writes into R1 ctx isnt permitted”"
    )
    assert check.wrong_at == 6
    assert find_checks(printed("atomic-ctx", "base")) == ()


def test_the_log_against_the_base_s() -> None:
    log, beside = differing("atomic-ctx")
    assert log.kind is PartKind.VERIFIER
    assert news(log) == [
        (Where.LEFT, "BPF_ATOMIC stores into R1 ctx is not allowed"),
        (Where.RIGHT, "BPF_ATOMIC writes into R1 ctx isnt permitted"),
    ]
    assert [text.partition(":")[0] for _, text in news(beside)] == ["validate_msgs", "EXPECTED   SUBSTR"]


def test_what_was_read_of_the_iterator_against_the_base_s() -> None:
    output, beside = differing("array-map")
    assert (output.kind, output.title) == (PartKind.ITERATOR, "bpf_map_elem")
    (_, base), (_, patched) = news(output)
    assert base.count("\\x") == 36
    assert patched.count("\\x") == 24
    assert news(beside) == [(Where.RIGHT, "test_bpf_array_map:FAIL:key_sum unexpected key_sum: actual 2 != expected 3")]
