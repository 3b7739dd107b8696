import pytest

from app.domain.console import scan_console
from app.domain.first_verdict import first_verdict
from app.domain.outcome import Outcome
from app.domain.verdict import Case
from tests.domain.test_verdict import changes, steps

PASS, FAIL, MISS = Outcome.PASS, Outcome.FAIL, Outcome.MISS
WARNING = scan_console(b"WARNING: CPU: 0 PID: 7 at kernel/bpf/core.c:1 frob+0x1/0x2\n---[ end trace 0 ]---\n")


def said(base: dict[str, Outcome], patched: dict[str, Outcome], **case: object) -> str | None:
    given = {"label": "v3", "run": steps(), "baseline": steps(), "changes": changes(base, patched)} | case
    return first_verdict(Case(**given), still=("verifier_and", "verifier_arena", "xdp", "xdp_link"))  # type: ignore[arg-type]


def test_nothing_speaks_against_it() -> None:
    assert said({"a": PASS, "b": FAIL}, {"a": PASS, "b": FAIL, "c": PASS}) == (
        "So far v3 is clean. 1 new test passes, 2 tests are as on the base. "
        "Still to come: verifier_and, verifier_arena, xdp and 1 more."
    )


def test_what_fails_is_named_and_blamed_on_nobody() -> None:
    assert said({"a": PASS, "b": PASS}, {"a": FAIL, "b": PASS, "n": FAIL}) == (
        "So far 2 tests fail with v3 and not on the base: a, n. That has to be seen again before v3 is blamed. "
        "Still to come: verifier_and, verifier_arena, xdp and 1 more."
    )
    one = said({"a": PASS}, {"a": FAIL})
    assert one is not None
    assert one.startswith("So far 1 test fails with v3 and not on the base: a. ")


def test_a_kernel_that_complains_is_not_called_clean() -> None:
    alone = said({"a": PASS}, {"a": PASS}, console=WARNING)
    assert alone is not None
    assert alone.startswith("So far the kernel of v3 complains: WARNING")
    assert "clean" not in alone
    both = said({"a": PASS}, {"a": FAIL}, console=WARNING)
    assert both is not None
    assert "not on the base: a, and the kernel of v3 complains: WARNING" in both
    known = said({"a": PASS}, {"a": PASS}, console=WARNING, baseline_console=WARNING)
    assert known is not None
    assert known.startswith("So far v3 is clean.")


@pytest.mark.parametrize("base", [steps(selftests=MISS), steps(boot=FAIL), None])
def test_without_a_base_to_hold_it_against_nothing_is_said(base: object) -> None:
    assert said({}, {"a": FAIL}, baseline=base) is None


def test_what_lacks_its_prerequisites_is_called_clean_only_with_that_said() -> None:
    lacking = ("\N{LEFT DOUBLE QUOTATION MARK}bpf: Frob\N{RIGHT DOUBLE QUOTATION MARK} v2, which is not at hand",)
    clean = said({"a": PASS}, {"a": PASS}, lacking=lacking)
    assert clean is not None
    assert "it was tested without" in clean
    assert said({"a": PASS}, {"a": FAIL}, lacking=lacking) is None
