import time

import pytest

from app.domain.plan import Wanted, select
from app.domain.selftests_index import index_tree
from workers.adapters.selftests import Failures, failures, had, kept, name_of, without, write_lists

TEXTS = {
    "Makefile": "LSKELS := light.c\n",
    "prog_tests/one.c": '#include "one.skel.h"\nvoid test_one(void)\n{\n\tone__open();\n}\n',
    "prog_tests/two.c": '#include "two.skel.h"\nvoid test_two(void)\n{\n\ttwo__open();\n}\n',
    "prog_tests/plain.c": "void test_plain(void)\n{\n}\n",
    "progs/one.c": "",
    "progs/two.c": "",
    "progs/light.c": "",
    "progs/btf_data.c": "",
}
OTHERS = ("test_progs.c", "progs/common.h", "prog_tests/helpers.h", "bpf_testmod/bpf_testmod.c", "verifier/and.c")
INDEX = index_tree(TEXTS)

LOG = b"""  CLNG-BPF [test_progs] two.bpf.o
progs/two.c:1:1: error: unknown type name 'x'
make: *** [Makefile:662: /build/selftests/two.bpf.o] Error 1
make[1]: *** [Makefile:9: /build/selftests/tools/build/libbpf/x.o] Error 1
/build/linux/tools/testing/selftests/bpf/prog_tests/plain.c:2: fatal error: gone.skel.h: No such file
make: *** [Makefile:712: /build/selftests/plain.test.o] Error 1
make: Target '/build/selftests/test_progs' not remade because of errors.
"""


def test_makes_last_words_name_what_could_not_be_made():
    said = {"two": "unknown type name 'x'"}
    assert failures(LOG) == Failures(tests=frozenset({"plain"}), programs=frozenset({"two"}), said=said)
    assert failures(b"") == Failures(tests=frozenset(), programs=frozenset())


def test_a_line_of_makes_that_does_not_end_is_read_in_bounded_time():
    """What is read was written by the build of a hostile tree."""
    nasty = b"make: *** [" + b"a" * 2_000_000 + b"\nmake: *** [" + b"a.test.o" * 200_000 + b"] Error 1\n"
    nasty += b"make: *** [\nnext/two.bpf.o] Error 1\n"
    started = time.process_time()
    assert not failures(nasty).any
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "defined"),
    [
        ("static inline int bpf_frob(void)\n{\n}\n", True),
        ("#define bpf_frob(x) (x)\n", True),
        ("static __always_inline\nint bpf_frob(struct x *y,\n\t     int z) {\n", True),
        ("extern int bpf_frob(struct x *y) __ksym;\nint f(void) { return bpf_frob(y); }\n", False),
        ("extern int bpf_frob(int x) __weak __ksym;\nstatic int bpf_frob(int x) { return 0; }\n", False),
        ("int f(void) { if (bpf_frob(y)) { return 1; } }\n", False),
        ("int bpf_frobnicate(void) {\n", False),
    ],
)
def test_what_the_base_defines_and_a_program_now_lacks_is_no_tools_fault(tmp_path, text, defined):
    """A kfunc that is declared by hand there is another matter: vmlinux.h has it where pahole is new enough."""
    said = "call to undeclared function 'bpf_frob'; ISO C99 and later do not support"
    (tmp_path / "progs").mkdir()
    (tmp_path / "json_writer.h").symlink_to("../../../bpf/bpftool/json_writer.h")
    (tmp_path / "progs" / "helper.h").write_text(text)
    assert had(tmp_path, said) is defined
    assert not had(tmp_path, "no such thing")


def test_tests_go_with_what_they_need():
    broken = without(INDEX, failures(LOG), {})
    assert broken == {
        "two": "progs/two.c does not build on the base: unknown type name 'x'",
        "plain": "prog_tests/plain.c does not build on the base",
    }


def test_a_tool_that_is_too_old_is_the_reason():
    said = "call to undeclared function 'bpf_frob'; ISO C99 and later do not support implicit function declarations"
    failed = Failures(tests=frozenset(), programs=frozenset({"two"}), said={"two": said})
    why = without(INDEX, failed, {"pahole": "1.24"})["two"]
    assert why.startswith("progs/two.c does not build on the base: pahole is 1.24, and 1.26 is needed: kfuncs are")
    assert without(INDEX, failed, {"pahole": "1.30"})["two"].endswith(said)


def test_other_suites_are_named_by_their_own_files():
    said = b"make: *** [Makefile:790: /build/selftests/veristat.o] Error 1\n"
    said += b"make: *** [Makefile:781: /build/selftests/percpu.test.o] Error 1\n"
    index = index_tree({**TEXTS, "map_tests/percpu.c": '#include "one.skel.h"\n'})
    reasons = {
        "veristat:*": "veristat does not build on the base",
        "test_maps:*": "test_maps does not build on the base",
    }
    assert without(index, failures(said), {}) == reasons
    assert "test_maps:*" in without(index, Failures(tests=frozenset(), programs=frozenset({"one"})), {})


def test_scratch_copy_holds_the_selection_and_all_that_is_no_test():
    selection = select([], INDEX, Wanted(core=("one",)))
    assert kept([*TEXTS, *OTHERS], selection) == {
        "Makefile",
        "prog_tests/one.c",
        "progs/one.c",
        "progs/light.c",
        "progs/btf_data.c",
        *OTHERS,
    }


def test_selection_has_one_name_in_whatever_order():
    usual = name_of(["a", "b"], ["test_progs"])
    assert usual == name_of(["b", "a"], ["test_progs"])
    assert len({usual, name_of(["ab"], ["test_progs"]), name_of(["a", "b"], ["test_progs", "test_maps"])}) == 3


def test_lists_say_what_stays_comes_and_goes(tmp_path):
    write_lists(tmp_path, frozenset({"stays", "new\nline"}), frozenset({"stays", "-rf"}))
    assert (tmp_path / "keep").read_bytes() == b"new\nline\0stays\0"
    assert (tmp_path / "new").read_bytes() == b"new\nline\0"
    assert (tmp_path / "gone").read_bytes() == b"-rf\0"
