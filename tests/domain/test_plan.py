import pytest

from app.domain.plan import SELFTESTS, Wanted, narrow, select
from app.domain.selftests_index import index_tree
from app.domain.suites import FLAVOURS, Suite

VERIFIER = """\
#include <test_progs.h>
#include "verifier_and.skel.h"
#include "verifier_frob.skel.h"
#include "verifier_value.skel.h"

static void run_tests_aux(const char *skel_name,
		skel_elf_bytes_fn elf_bytes_factory)
{
	go();
}

#define RUN(skel) run_tests_aux(#skel, skel##__elf_bytes, NULL)

void test_verifier_and(void)                  { RUN(verifier_and); }
void test_verifier_frob(void) { RUN(verifier_frob); }

void test_verifier_value(void)
{
	run_tests_aux("verifier_value", verifier_value__elf_bytes);
}
""" + "".join(f"void test_verifier_more{n}(void) {{ RUN(verifier_more{n}); }}\n" for n in range(30))

BPF_ITER = """\
#include "bpf_iter_ksym.skel.h"
#include "bpf_iter_task.lskel.h"

static void test_ksym(void)
{
	struct bpf_iter_ksym *skel = bpf_iter_ksym__open_and_load();
}

void test_bpf_iter(void)
{
	if (test__start_subtest("ksym"))
		test_ksym();
}
"""

RINGBUF = """\
#include "test_ringbuf.lskel.h"
#include "ring_helpers.h"
static void one(void)
{
	test_ringbuf_lskel__open();
}
void test_ringbuf(void)
{
	one();
}
void serial_test_ringbuf_serial(void)
{
	strcmp("a", "b");
}
"""

TEXTS = {
    "Makefile": (
        "LINKED_SKELS := linked_funcs.skel.h\t\\\n\t\ttest_usdt.skel.h\n\nLSKELS := test_ringbuf.c trace_printk.c \\\n"
        "\tgone.c\nLSKELS_EXTRA := kfunc_call_test.c\n"
        "linked_funcs.skel.h-deps := linked_funcs1.bpf.o linked_funcs2.bpf.o\n"
        "test_usdt.skel.h-deps := test_usdt.bpf.o\n"
        "$(eval $(call DEFINE_TEST_RUNNER,test_progs))\n$(eval $(call DEFINE_TEST_RUNNER,test_progs,no_alu32))\n"
        "$(eval $(call DEFINE_TEST_RUNNER,test_maps))\n$(OUTPUT)/test_verifier: test_verifier.c\n\tcc\n"
        "$(OUTPUT)/veristat: veristat.o\n"
    ),
    "test_maps.c": 'bpf_prog_test_load("./loop1.bpf.o");',
    "map_tests/percpu.c": '#include "unrelated.skel.h"\n',
    "prog_tests/verifier.c": VERIFIER,
    "prog_tests/bpf_iter.c": BPF_ITER,
    "prog_tests/ringbuf.c": RINGBUF,
    "prog_tests/linked_funcs.c": (
        '#include "linked_funcs.skel.h"\nvoid test_linked_funcs(void)\n{\n\tlinked_funcs__open();\n}\n'
    ),
    "prog_tests/lsm.c": 'int stack_mprotect(void)\n{\n\treturn 0;\n}\nvoid test_lsm(void)\n{\n}\n',
    "prog_tests/iters.c": (
        'extern int stack_mprotect(void);\nvoid test_iters(void)\n{\n\tif (stack_mprotect())\n\t\treturn;\n}\n'
    ),
    "prog_tests/scale.c": 'void test_scale(void)\n{\n\trun("./loop1.bpf.o");\n}\n',
    "prog_tests/reloc.c": (
        '#define CASE(name) { .file = "btf__reloc_" #name ".bpf.o" }\nvoid test_reloc(void)\n{\n\tall();\n}\n'
    ),
    "prog_tests/attr_size.c": '#include "attr_size.skel.h"\nvoid test_attr_size(void)\n{\n\tattr_size__open();\n}\n',
    **{
        f"progs/{stem}.c": ""
        for stem in (
            "verifier_and", "verifier_frob", "verifier_value", "bpf_iter_ksym", "bpf_iter_task", "test_ringbuf",
            "loop1", "trace_printk", "kfunc_call_test", "linked_funcs1", "linked_funcs2", "test_usdt", "btf__reloc_a",
            "btf__reloc_b", "unrelated",
        )
    },
    "progs/verifier_frob.c": '__success __log_level(2) __btf_path("btf__reloc_a.bpf.o")',
    "progs/bpf_iter_ksym.c": '#include "bpf_iter_common.h"\n#include "loop1.c"\n',
}  # fmt: skip
TREE = index_tree(TEXTS)
ALWAYS = {
    "kfunc_call_test.c", "linked_funcs1.c", "linked_funcs2.c", "test_ringbuf.c", "test_usdt.c", "trace_printk.c"
}  # fmt: skip


def test_a_program_of_a_long_list_selects_its_own_test_only() -> None:
    touched = [SELFTESTS + "progs/verifier_frob.c", SELFTESTS + "prog_tests/verifier.c", "kernel/bpf/core.c"]
    selection = select(touched, TREE, Wanted(core=("bpf_iter",)))
    assert [(test.name, test.reason) for test in selection.tests] == [
        ("verifier_frob", "progs/verifier_frob.c is changed"),
        ("bpf_iter", "core of the profile"),
    ]
    assert selection.prog_tests == ("bpf_iter.c", "verifier.c")


def test_a_program_brings_along_the_object_whose_types_it_asks_for() -> None:
    assert "btf__reloc_a.c" in select([SELFTESTS + "progs/verifier_frob.c"], TREE, Wanted(core=())).progs
    assert "verifier_frob" in select([SELFTESTS + "progs/btf__reloc_a.c"], TREE, Wanted(core=())).names


def test_only_what_is_needed_is_kept() -> None:
    selection = select([SELFTESTS + "progs/bpf_iter_ksym.c"], TREE, Wanted(core=()))
    assert selection.names == ("bpf_iter",)
    assert set(selection.progs) == ALWAYS | {"bpf_iter_ksym.c", "bpf_iter_task.c", "loop1.c"}


@pytest.mark.parametrize(
    ("path", "tests"),
    [
        ("prog_tests/verifier.c", 33),
        ("prog_tests/bpf_iter.c", 1),
        ("prog_tests/ringbuf.c", 2),
        ("prog_tests/ring_helpers.h", 2),
        ("prog_tests/gone.c", 0),
        ("progs/bpf_iter_common.h", 1),
        ("progs/unrelated.c", 0),
        ("progs/loop1.c", 2),
        ("test_progs.c", 0),
    ],
)
def test_how_many_tests_a_file_selects(path: str, tests: int) -> None:
    assert len(select([SELFTESTS + path], TREE, Wanted(core=())).tests) == tests


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        ("verifier_and", ("verifier_and",)),
        ("verifier_value", ("verifier_value",)),
        ("test_ringbuf", ("ringbuf",)),
        ("linked_funcs2", ("linked_funcs",)),
        ("btf__reloc_b", ("reloc",)),
    ],
)
def test_which_tests_use_a_program(program: str, tests: tuple[str, ...]) -> None:
    assert select([f"{SELFTESTS}progs/{program}.c"], TREE, Wanted(core=())).names == tests


def test_a_tool_that_a_test_calls_opens_a_program_of_its_own() -> None:
    test = 'void test_synproxy(void)\n{\n\tSYS("./synproxy --iface x");\n\tSYS("./other -v");\n}\n'
    empty = dict.fromkeys(("progs/synproxy_kern.c", "progs/unrelated_kern.c"), "")
    tree = index_tree({"Makefile": "", "prog_tests/synproxy.c": test, **empty})
    assert select([], tree, Wanted(core=("synproxy",))).progs == ("synproxy_kern.c",)


def test_areas_of_the_code() -> None:
    quick = select(["kernel/bpf/core.c", "kernel/bpf/ringbuf.c"], TREE, Wanted(core=()))
    assert [(test.name, test.reason) for test in quick.tests] == [
        ("ringbuf", "kernel/bpf/ringbuf.c is changed"),
        ("ringbuf_serial", "kernel/bpf/ringbuf.c is changed"),
    ]


@pytest.mark.parametrize("name", ["bpf_iter", "cgroup_iter", "dmabuf_iter", "map_iter", "wakeup_source_iter"])
def test_every_iterator_asks_for_the_tests_of_iterators(name: str) -> None:
    tree = index_tree({"Makefile": "", "prog_tests/bpf_iter.c": "void test_bpf_iter(void)\n{\n}\n"})
    assert select([f"kernel/bpf/{name}.c"], tree, Wanted(core=())).names == ("bpf_iter",)


def test_the_verifier_has_all_of_its_tests_run_and_its_log_those_that_check_it() -> None:
    whole = select(["kernel/bpf/verifier.c"], TREE, Wanted(core=()))
    assert len(whole.tests) == 33
    assert {test.reason for test in whole.tests} == {"kernel/bpf/verifier.c is changed"}
    assert select(["kernel/bpf/log.c"], TREE, Wanted(core=())).names == ("verifier_frob",)


def test_other_suites_are_run_where_their_code_or_theirs_is_touched() -> None:
    wanted = Wanted(core=(), suites=tuple(Suite))
    assert select(["kernel/bpf/core.c"], TREE, wanted).others == ()
    own = select([SELFTESTS + "map_tests/percpu.c", SELFTESTS + "verifier/and.c"], TREE, wanted)
    assert [(one.name, one.reason) for one in own.others] == [
        ("test_verifier:*", f"{SELFTESTS}verifier/and.c is changed"),
        ("test_maps:*", f"{SELFTESTS}map_tests/percpu.c is changed"),
    ]
    assert own.suites == ("test_progs", "test_progs-no_alu32", "test_verifier", "test_maps")
    touched = select([SELFTESTS + "progs/loop1.c", SELFTESTS + "progs/new_here.c"], TREE, wanted)
    assert [one.name for one in touched.others] == ["veristat:bpf_iter_ksym.bpf.o", "veristat:loop1.bpf.o"]
    alone = Wanted(core=(), suites=(Suite.TEST_PROGS,))
    assert select(["kernel/bpf/verifier.c"], TREE, alone).others == ()


def test_everything_comes_after_what_is_touched_and_flavours_last() -> None:
    wanted = Wanted(core=("scale",), suites=(Suite.TEST_PROGS, Suite.TEST_MAPS, *FLAVOURS[1:]), everything=True)
    selection = select([SELFTESTS + "progs/test_ringbuf.c", "kernel/bpf/map_iter.c"], TREE, wanted)
    order = selection.order()
    assert order[:3] == ("bpf_iter", "ringbuf", "scale")
    assert order[3:5] == ("iters", "linked_funcs")
    at = order.index("test_maps:*")
    assert set(order[:at]) == set(TREE.tests) - {"attr_size"}
    assert [one.removeprefix("test_progs-no_alu32:") for one in order[at + 1 :]] == list(order[:at])
    assert selection.missing == ("test_progs-cpuv4",)
    assert dict(selection.reasons())["iters"] == "the profile runs everything"
    assert narrow(selection, ["iters"], TREE).order() == ("iters", "test_progs-no_alu32:iters")
    left = selection.order(but={"bpf_iter", "test_maps:*"})
    assert set(order) - set(left) == {"bpf_iter", "test_progs-no_alu32:bpf_iter", "test_maps:*"}


def test_what_is_asked_for_by_the_hundred_waits_for_what_is_asked_for_by_name() -> None:
    touched = ["kernel/bpf/verifier.c", SELFTESTS + "progs/test_ringbuf.c"]
    selection = select(touched, TREE, Wanted(core=("scale",)))
    assert selection.first() == ("ringbuf", "scale")
    assert selection.first(but={"scale"}) == ("ringbuf",)
    assert selection.order()[:2] == selection.first()
    assert {name.partition("_")[0] for name in selection.order()[2:]} == {"verifier"}
    core = select(touched, TREE, Wanted(core=("verifier_and",)))
    assert core.first() == ("ringbuf", "verifier_and")
    assert core.order().count("verifier_and") == 1


def test_there_is_no_first_verdict_where_nothing_comes_after_it() -> None:
    touched = [SELFTESTS + "progs/test_ringbuf.c"]
    assert select(touched, TREE, Wanted(core=("scale",))).first() == ()
    everything = select(touched, TREE, Wanted(core=(), everything=True))
    assert everything.first() == ("ringbuf",)
    assert select(touched, TREE, Wanted(core=(), suites=(Suite.TEST_PROGS, *FLAVOURS[1:]))).first() == ("ringbuf",)


def test_what_a_suite_or_veristat_looks_at_is_built_too() -> None:
    wanted = Wanted(core=(), suites=tuple(Suite))
    maps = select([SELFTESTS + "map_tests/percpu.c"], TREE, wanted)
    assert {"unrelated.c", "loop1.c"} <= set(maps.progs)
    assert "unrelated.c" in select([SELFTESTS + "progs/unrelated.c"], TREE, wanted).progs
    assert "unrelated.c" not in select([SELFTESTS + "progs/loop1.c"], TREE, wanted).progs


def test_what_cannot_be_built_is_left_out_and_said() -> None:
    selection = select(
        [SELFTESTS + "prog_tests/attr_size.c"],
        TREE,
        Wanted(
            core=(
                "bpf_iter",
                "map_*",
            )
        ),
    )
    assert selection.names == ("bpf_iter",)
    assert selection.missing == ("map_*",)
    assert [(test.name, test.reason) for test in selection.unbuildable] == [
        ("attr_size", "prog_tests/attr_size.c includes attr_size.skel.h, which the tree has no program for")
    ]
    assert "attr_size.c" not in selection.prog_tests


def test_a_file_that_calls_into_another_brings_it_along() -> None:
    selection = select([SELFTESTS + "prog_tests/iters.c"], TREE, Wanted(core=()))
    assert selection.names == ("iters",)
    assert selection.prog_tests == ("iters.c", "lsm.c")
    assert select([SELFTESTS + "prog_tests/lsm.c"], TREE, Wanted(core=())).prog_tests == ("lsm.c",)


def test_a_selection_can_be_narrowed_to_what_failed() -> None:
    whole = select([SELFTESTS + "prog_tests/ringbuf.c"], TREE, Wanted(core=("bpf_iter",)))
    alone = narrow(whole, ["ringbuf"], TREE)
    assert alone.names == ("ringbuf",)
    assert alone.prog_tests == ("ringbuf.c",)
    assert set(alone.progs) == ALWAYS


def test_a_series_that_touches_nothing_known_runs_the_core() -> None:
    assert select(["Documentation/x.rst"], TREE, Wanted(core=("bpf_iter",))).names == ("bpf_iter",)
