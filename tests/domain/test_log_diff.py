import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.log_diff import MAX_LINES, MAX_READ, Where, diff_logs

BASE = """\
func#0 @0
0: R1=ctx() R10=fp0
; int frob(void *ctx) @ frob.c:12
0: (79) r6 = *(u64 *)(r1 +0)          ; R1=ctx() R6_w=scalar(id=7)
1: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=9,map=m,ks=4,vs=8)
2: (15) if r0 == 0x0 goto pc+1        ; R0_w=map_value(map=m,ks=4,vs=8)
3: (61) r0 = *(u32 *)(r0 +0)          ; R0_w=scalar(id=7)
4: (95) exit
from 2 to 4: R0=0 R10=fp0
mark_precise: frame0: last_idx 4 first_idx 0 subseq_idx -1
verification time 91 usec
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
""".splitlines()


def kinds(left: list[str], right: list[str]) -> list[tuple[Where, str]]:
    return [(line.where, line.text) for line in diff_logs(left, right, context=0)]


def test_what_merely_moved_is_no_difference() -> None:
    moved = "\n".join(BASE).replace("id=7", "id=2").replace("id=9", "id=30").replace("91 usec", "5000 usec")
    moved = moved.replace("frob.c:12", "frob.c:99").replace("\n3: ", "\n7: ").replace("from 2 to 4", "from 6 to 8")
    assert diff_logs(BASE, moved.splitlines()) == ()


def test_ids_that_change_partners_are_a_difference() -> None:
    other = [line.replace("scalar(id=7)", "scalar(id=8)") if line.startswith("3:") else line for line in BASE]
    assert [where for where, _ in kinds(BASE, other)] == [Where.GAP, Where.LEFT, Where.RIGHT, Where.GAP]


def test_a_changed_message_with_its_numbers_and_surroundings() -> None:
    right = [*BASE[:6], "R0 invalid frobbed mem access 'scalar'", *BASE[-1:]]
    lines = diff_logs(BASE, right, context=1)
    assert [(line.where, line.left, line.right) for line in lines] == [
        (Where.GAP, None, None),
        (Where.BOTH, 6, 6),
        (Where.LEFT, 7, None),
        (Where.LEFT, 8, None),
        (Where.LEFT, 9, None),
        (Where.LEFT, 10, None),
        (Where.LEFT, 11, None),
        (Where.RIGHT, None, 7),
        (Where.BOTH, 12, 8),
    ]
    assert lines[0].text == "5 lines the same"


def test_the_number_of_instructions_is_news() -> None:
    right = [line.replace("processed 6", "processed 9") for line in BASE]
    assert [where for where, _ in kinds(BASE, right)] == [Where.GAP, Where.LEFT, Where.RIGHT]


@pytest.mark.parametrize(("left", "right"), [([], []), (["a"], ["a"]), (["a "], ["a"])])
def test_equal(left: list[str], right: list[str]) -> None:
    assert diff_logs(left, right) == ()


def test_a_flood_is_cut_and_said() -> None:
    lines = diff_logs(["a"] * 10, [f"line {n * 7 % 1000} {n}x" for n in range(MAX_LINES + 500)], context=0)
    assert lines[-1].text == "500 lines not compared"
    assert diff_logs(["a"] * MAX_READ, ["a"] * (MAX_READ + 7))[-1].text == "7 lines not compared"


@given(
    left=st.lists(st.sampled_from([*BASE, "", "x"]), max_size=30),
    right=st.lists(st.sampled_from([*BASE, "", "y"]), max_size=30),
)
def test_nothing_is_lost(left: list[str], right: list[str]) -> None:
    lines = diff_logs(left, right, context=1000)
    if lines:
        assert [line.text for line in lines if line.left and line.where is Where.LEFT] == [
            left[line.left - 1] for line in lines if line.left and line.where is Where.LEFT
        ]
        assert [line.right for line in lines if line.right] == list(range(1, len(right) + 1))
        assert [line.left for line in lines if line.left] == list(range(1, len(left) + 1))
