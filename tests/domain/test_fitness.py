"""What a test needs, told from its sources, against what a host has."""

import pytest

from app.domain.fitness import FILE_RULES, OBJECT_RULES, SECTION_RULES, Facts, needs_of, needs_of_program, options_of
from app.domain.selftests_index import index_tree


def facts(*options: str, absent: tuple[str, ...] = (), **tools: str) -> Facts:
    return Facts(options=frozenset(options), tools=tools, absent=absent)


def test_options_are_what_is_built_in_a_module_or_has_a_value():
    config = "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=n\nCONFIG_E=17\nCONFIG_F\nother=y\n"
    assert options_of(config) == {"CONFIG_A", "CONFIG_B", "CONFIG_E"}


@pytest.mark.parametrize(
    ("need", "lacking"),
    [
        ("CONFIG_A", None),
        ("CONFIG_B", "the kernel has no CONFIG_B"),
        ("tool nft", "the guest has no nft"),
        ("tool ping", None),
        ("pahole 1.26", "pahole is 1.24, and 1.26 is needed"),
        ("pahole 1.9", None),
        ("pahole 1.24", None),
        ("clang 20", "clang is 19.1.7, and 20 is needed"),
        ("gcc 13", None),
    ],
)
def test_what_is_lacking_is_said(need, lacking):
    assert facts("CONFIG_A", absent=("nft",), pahole="1.24", clang="19.1.7").lacking(need) == lacking


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ('SEC("netfilter")\nint f;', {"CONFIG_NETFILTER_BPF_LINK"}),
        ('SEC("?lsm.s/file_open")\nint f;\nSEC("tp/x")', {"CONFIG_BPF_LSM"}),
        ('SEC("tc")\nint f;', set()),
        # each function is loaded alone: one section that can work is enough
        ('SEC("lwt_in")\n__success\nint f;\nSEC("tc")\n__failure\nint g;\nchar l[] SEC("license");', set()),
        ('SEC("lwt_in")\n__success\nint f;\nSEC("lwt_out")\nint g;\nSEC(".maps") m;', {"CONFIG_LWTUNNEL_BPF"}),
        ('__success\nchar l[] SEC("license");', set()),
        ('SEC("tc")\n__success\nint f;\n bpf_key_put(k);', {"CONFIG_KEYS"}),
    ],
)
def test_what_a_program_needs(text, needs):
    assert needs_of_program(text) == needs


def test_every_need_of_the_table_is_one_that_can_be_probed():
    nothing = facts(absent=("iptables-legacy", "nft", "openssl", "losetup"))
    needs = {need for rule in (*SECTION_RULES, *OBJECT_RULES, *FILE_RULES) for need in rule.needs}
    assert len(needs) > 20
    assert [need for need in needs if nothing.lacking(need) is None] == []
    assert needs_of('run("iptables-legacy -t raw");', FILE_RULES) == {"tool iptables-legacy"}


TREE = index_tree(
    {
        "prog_tests/one.c": '#include "net.skel.h"\nvoid test_one(void)\n{\n\tnet__open();\n}\n',
        "prog_tests/many.c": (
            '#include "net.skel.h"\n#include "plain.skel.h"\n'
            "void test_both(void)\n{\n\tnet__open();\n\tplain__open();\n}\n"
            "void test_net_only(void)\n{\n\tnet__open();\n}\n"
        ),
        "prog_tests/tool.c": 'void test_tool(void)\n{\n\tSYS("iptables-legacy -L");\n}\n',
        "prog_tests/tools.c": 'void test_t1(void)\n{\n\tSYS("iptables-legacy -L");\n}\nvoid test_t2(void)\n{\n}\n',
        "progs/net.c": 'SEC("netfilter")\nint f;\n',
        "progs/plain.c": 'SEC("tc")\nint f;\n',
    }
)


def test_a_test_is_unfit_when_none_of_its_programs_can_work_or_its_own_file_cannot():
    here = facts(absent=("iptables-legacy",))
    assert TREE.unfit(TREE.tests, here) == {
        "one": "progs/net.c: the kernel has no CONFIG_NETFILTER_BPF_LINK",
        "net_only": "progs/net.c: the kernel has no CONFIG_NETFILTER_BPF_LINK",
        "tool": "prog_tests/tool.c: the guest has no iptables-legacy",
    }
    assert TREE.unfit(["one", "both"], facts("CONFIG_NETFILTER_BPF_LINK")) == {}
    assert set(TREE.unfit(["one"], here)) == {"one"}
