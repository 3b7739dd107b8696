import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.log_diff import MAX_LINES, MAX_SHOWN, DiffLine, Figure, Where, diff_logs
from app.domain.log_fold import Style

BASE = """\
func#0 @0
0: R1=ctx() R10=fp0
; int frob(void *ctx) @ frob.c:12
0: (79) r6 = *(u64 *)(r1 +0)          ; R1=ctx() R6_w=scalar(id=7)
1: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=9,map=m,ks=4,vs=8)
2: (15) if r0 == 0x0 goto pc+1        ; R0_w=map_value(map=m,ks=4,vs=8) refs=4,9
3: (7b) *(u64 *)(r10 -16) = r6        ; R6_w=scalar(id=7) fp-16_w=scalar(id=7)
3: (61) r0 = *(u32 *)(r0 +0)          ; R0_w=scalar(id=7)
3: (18) r2 = 0xffff9f8b4d5c2800       ; R2_w=map_ptr(map=m,ks=4,vs=8)
4: (95) exit
from 2 to 4: R0=0 R10=fp0
mark_precise: frame0: last_idx 4 first_idx 0 subseq_idx -1
verification time 91 usec
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
""".splitlines()

MOVES = {
    "id=7": "id=2",
    "id=9": "id=30",
    "refs=4,9": "refs=11,30",
    "91 usec": "5000 usec",
    "frob.c:12": "frob.c:99",
    "\n3: ": "\n7: ",
    "from 2 to 4": "from 6 to 8",
    "0xffff9f8b4d5c2800": "0xffff888001020304",
    "(r10 -16)": "(r10 -32)",
    "fp-16": "fp-32",
}


def moved(lines: list[str]) -> list[str]:
    text = "\n".join(lines)
    for old, new in MOVES.items():
        assert old in text
        text = text.replace(old, new)
    return text.splitlines()


def news(left: list[str], right: list[str], style: Style = Style.LOG) -> list[tuple[Where, str]]:
    found = diff_logs(left, right, context=0, style=style).lines
    return [(line.where, line.text) for line in found if line.where is not Where.GAP]


def test_what_merely_moved_is_no_difference() -> None:
    diff = diff_logs(BASE, moved(BASE))
    assert diff.same
    assert diff.lines == ()
    assert diff.moved == 9


def test_addresses_of_five_level_page_tables_move_too() -> None:
    line = "4: (18) r1 = {}       ; R1_w=map_ptr(map=array_map,ks=4,vs=32)".format
    assert not news([line("0xff11000000e3aa00")], [line("0xff110000045bd000")])
    assert not news([line("0xff38bc0e4037a380")], [line("0xffffffff81234560")])
    assert news([line("0xff00000000000001")], [line("0xff00000000000002")]), "no address: the hole below them"
    assert news(["5: R1_w=0xff11000000e3aa00"], ["5: R1_w=0xff110000045bd000"]), "what a register holds"


def test_it_unfolds_on_request() -> None:
    diff = diff_logs(BASE, moved(BASE), exact=True)
    assert not diff.same
    assert diff.removed == diff.added == 9


def test_every_id_after_one_more_is_no_difference() -> None:
    left = [f"{n}: (b7) r1 = 0 ; R1_w=scalar(id={n})" for n in range(1, 9)]
    right = ["; R3_w=scalar(id=1)", *(f"{n}: (b7) r1 = 0 ; R1_w=scalar(id={n + 1})" for n in range(1, 9))]
    assert news(left, right) == [(Where.RIGHT, "; R3_w=scalar(id=1)")]


def test_ids_that_change_partners_are_a_difference_once() -> None:
    other = [line.replace("R0_w=scalar(id=7)", "R0_w=scalar(id=8)") for line in BASE]
    assert [where for where, _ in news(BASE, other)] == [Where.LEFT, Where.RIGHT]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("R0_w=scalar(umax=0xffffffffffffffff)", "R0_w=scalar(umax=0xffffffff00000000)"),
        ("var_off=(0x0; 0xffffffffffffff00)", "var_off=(0x0; 0xfffffffffffffff0)"),
        ("(85) call bpf_map_lookup_elem#1", "(85) call bpf_map_lookup_elem#2"),
        ("R1 !read_ok", "R2 !read_ok"),
        ("invalid stack off=-8 size=4", "invalid stack off=-16 size=4"),
        ("(85) call bpf_iter_num_new#77512", "(85) call bpf_iter_num_next#77512"),
    ],
)
def test_values_are_news(left: str, right: str) -> None:
    assert news([left], [right]) == [(Where.LEFT, left), (Where.RIGHT, right)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("(85) call bpf_iter_num_new#77512", "(85) call bpf_iter_num_new#78001"),
        ("Unreleased reference id=3 alloc_insn=25", "Unreleased reference id=4 alloc_insn=31"),
        ("run_subtest:PASS:obj_open_mem 0 nsec", "run_subtest:PASS:obj_open_mem 12 nsec"),
        ("validate_msgs:FAIL:695 expect_msg", "validate_msgs:FAIL:755 expect_msg"),
        ("call ffffffff81234567", "call ffffffffc0000abc"),
    ],
)
def test_numbers_that_move_are_none(left: str, right: str) -> None:
    assert news([left], [right]) == []


def test_a_changed_message_with_its_numbers_and_surroundings() -> None:
    right = [*BASE[:6], "R0 invalid frobbed mem access 'scalar'", *BASE[-1:]]
    lines = diff_logs(BASE, right, context=1).lines
    assert [(line.where, line.left, line.right) for line in lines] == [
        (Where.GAP, None, None),
        (Where.BOTH, 6, 6),
        *((Where.LEFT, number, None) for number in range(7, 14)),
        (Where.RIGHT, None, 7),
        (Where.BOTH, 14, 8),
    ]
    assert lines[0].text == "5 lines the same"


def test_the_statistics_are_told_apart() -> None:
    right = [line.replace("processed 6", "processed 9").replace("total_states 0", "total_states 2") for line in BASE]
    diff = diff_logs(BASE, right)
    assert diff.lines == ()
    assert not diff.same
    assert diff.figures == (
        Figure(name="instructions", left=6, right=9),
        Figure(name="states", left=0, right=2),
    )


@pytest.mark.parametrize(("left", "right"), [([], []), (["a"], ["a"]), (["a "], ["a"])])
def test_equal(left: list[str], right: list[str]) -> None:
    assert diff_logs(left, right).same


def test_a_flood_is_cut_and_said() -> None:
    diff = diff_logs(["a"], [f"{n}x" for n in range(MAX_SHOWN + 500)])
    assert (len(diff.lines), diff.left_out) == (MAX_SHOWN, 501)
    diff = diff_logs([], ["b"] * (MAX_LINES + 7), context=0)
    assert diff.left_out == MAX_LINES + 1 - MAX_SHOWN + 7
    assert diff_logs(["a", *["b"] * MAX_LINES], ["c", *["b"] * MAX_LINES]).left_out == 0


def test_megabytes_of_hostile_log_take_a_moment() -> None:
    left = [f"{n % 50}: R{n % 7}=scalar(id={n % 90},umax=0xffffffffffffffff) fp-8=mm" for n in range(60_000)]
    right = [f"{n % 49}: R{n % 5}=scalar(id={n % 91},umax=0xffffffffffffffff) fp-8=mm" for n in range(60_000)]
    begun = time.process_time()
    diff_logs(left, right, context=100_000)
    assert time.process_time() - begun < 15


def test_an_iterator_s_output_moves_in_addresses_pids_and_columns_called_so() -> None:
    left = [
        "    tgid      gid       fd      file",
        "       1        1        3 ffffffff81000000",
        "pid: 12 num_entries: 4",
    ]
    right = [
        "    tgid      gid       fd      file",
        "      17       18        3 ffffffff81000040",
        "pid: 19 num_entries: 4",
    ]
    assert news(left, right, Style.ITERATOR) == []
    right[1] = right[1].replace(" 3 ", " 4 ")
    assert [where for where, _ in news(left, right, Style.ITERATOR)] == [Where.LEFT, Where.RIGHT]


def test_an_iterator_s_values_are_news() -> None:
    assert news(["key 1 value 10"], ["key 1 value 11"], Style.ITERATOR) == [
        (Where.LEFT, "key 1 value 10"),
        (Where.RIGHT, "key 1 value 11"),
    ]


@given(
    left=st.lists(st.sampled_from([*BASE, "", "x"]), max_size=30),
    right=st.lists(st.sampled_from([*BASE, "", "y"]), max_size=30),
    context=st.integers(0, 40),
    exact=st.booleans(),
)
def test_nothing_is_lost(left: list[str], right: list[str], context: int, exact: bool) -> None:
    lines = diff_logs(left, right, context=context, exact=exact).lines
    if not lines:
        return
    gaps = sum(int(line.text.split()[0]) for line in lines if line.where is Where.GAP)
    assert len([line for line in lines if line.right]) + gaps == len(right)
    assert len([line for line in lines if line.left]) + gaps == len(left)
    assert [line.text for line in lines if line.right] == [right[at] for at in _numbers(lines)]
    assert [line.text for line in lines if line.where is Where.LEFT] == [
        left[line.left - 1] for line in lines if line.left and line.where is Where.LEFT
    ]


def _numbers(lines: tuple[DiffLine, ...]) -> list[int]:
    numbers = [line.right - 1 for line in lines if line.right]
    assert numbers == sorted(set(numbers))
    return numbers
