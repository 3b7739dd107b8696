"""Which tests cannot work with what a host has: told from the sources of the test, not from its name.

A rule says what a source that holds one of `words` needs. A need is a kernel option (`CONFIG_...`, probed in the base's
own .config), a tool of the guest's root, or a build tool of some version (`pahole 1.26`). A test is unfit when its file
needs what is lacking, or when each of its programs does: of many programs, some may work.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds one of `words` needs one of `needs`."""

    words: tuple[str, ...]
    needs: tuple[str, ...]


def _sections(*names: str) -> tuple[str, ...]:
    """The ways in which a program says its section; `?` is one that is not loaded unless asked for."""
    return tuple(f'SEC("{mark}{name}' for name in names for mark in ("", "?"))


SECTION_RULES = (
    Rule(words=_sections("lsm/", "lsm.s/", "lsm_cgroup/"), needs=("CONFIG_BPF_LSM",)),
    Rule(words=_sections("fmod_ret/", "fmod_ret.s/"), needs=("CONFIG_FUNCTION_ERROR_INJECTION",)),
    Rule(words=_sections("kprobe.multi", "kretprobe.multi", "kprobe.session"), needs=("CONFIG_FPROBE",)),
    Rule(words=_sections("uprobe", "uretprobe", "usdt"), needs=("CONFIG_UPROBE_EVENTS",)),
    Rule(words=_sections("sk_skb", "sk_msg"), needs=("CONFIG_BPF_STREAM_PARSER",)),
    Rule(words=_sections("lwt_"), needs=("CONFIG_LWTUNNEL_BPF",)),
    Rule(words=_sections("netkit/"), needs=("CONFIG_NETKIT",)),
    Rule(words=_sections("netfilter"), needs=("CONFIG_NETFILTER_BPF_LINK",)),
    Rule(words=_sections("lirc_mode2"), needs=("CONFIG_BPF_LIRC_MODE2",)),
    Rule(words=_sections("cgroup", "sockops", "cgroup_skb"), needs=("CONFIG_CGROUP_BPF",)),
)
"""What one function of a program needs of the kernel, by its section."""

OBJECT_RULES = (
    Rule(words=("bpf_lookup_user_key(", "bpf_lookup_system_key(", "bpf_key_put("), needs=("CONFIG_KEYS",)),
    Rule(words=("bpf_crypto_ctx_create(",), needs=("CONFIG_CRYPTO_ECB",)),
    Rule(words=("bpf_skb_ct_lookup(", "bpf_xdp_ct_lookup("), needs=("CONFIG_NF_CONNTRACK",)),
    Rule(words=("bpf_xdp_flow_lookup(",), needs=("CONFIG_NF_FLOW_TABLE",)),
    Rule(words=("bpf_get_fsverity_digest(",), needs=("CONFIG_FS_VERITY",)),
    Rule(words=("bpf_verify_pkcs7_signature(",), needs=("CONFIG_SYSTEM_DATA_VERIFICATION",)),
    Rule(words=("bpf_ima_inode_hash(", "bpf_ima_file_hash("), needs=("CONFIG_IMA",)),
    Rule(words=("bpf_skc_to_mptcp_sock(", "struct mptcp_sock"), needs=("CONFIG_MPTCP",)),
    Rule(words=("bpf_skb_get_xfrm_info(", "bpf_xdp_get_xfrm_state("), needs=("CONFIG_XFRM_INTERFACE",)),
    Rule(words=("bpf_skb_get_fou_encap(",), needs=("CONFIG_NET_FOU",)),
)
"""What a whole program (progs/*.c) needs: an object that names a function which the kernel has not is not loaded."""

FILE_RULES = (
    Rule(words=("iptables-legacy",), needs=("tool iptables-legacy",)),
    Rule(words=('"nft ', "nft -f"), needs=("tool nft",)),
    Rule(words=("verify_sig_setup.sh",), needs=("tool openssl",)),
    Rule(words=("ima_setup.sh",), needs=("tool losetup",)),
    Rule(words=("ima_setup.sh",), needs=("CONFIG_BLK_DEV_LOOP",)),
    Rule(words=("type bond",), needs=("CONFIG_BONDING",)),
    Rule(words=("type vrf",), needs=("CONFIG_NET_VRF",)),
    Rule(words=("type vxlan",), needs=("CONFIG_VXLAN",)),
    Rule(words=("type veth",), needs=("CONFIG_VETH",)),
    Rule(words=("bpf_program__attach_netkit(",), needs=("CONFIG_NETKIT",)),
    Rule(words=("type xfrm",), needs=("CONFIG_XFRM_INTERFACE",)),
    Rule(words=("IPPROTO_MPTCP",), needs=("CONFIG_MPTCP",)),
)
"""What a test file (prog_tests/*.c) needs of kernel and guest, where all of its tests do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRule:
    """What a compiler says of a program, the tool whose age explains it, and how."""

    said: re.Pattern[str]
    needs: str
    why: str


BUILD_RULES = (
    BuildRule(
        said=re.compile(r"call to undeclared function 'bpf_\w+'"),
        needs="pahole 1.26",
        why="kfuncs are declared in vmlinux.h where the kernel's BTF has tags for them",
    ),
)
"""Why a program of the base does not build; the kernel's scripts/Makefile.btf says from which version on."""

_ANNOTATED = ("__success", "__failure")
"""test_loader.c loads each function of such a program alone (bpf_misc.h)."""
_SECTION = re.compile(r'SEC\("\??([^"\n]{1,200})"\)')
_TOOL = "tool "
_VERSION = re.compile(r"(\w+) (\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a host has: the options that its kernel has (`CONFIG_X`), tool -> version, and tools not in the guest."""

    options: frozenset[str]
    tools: Mapping[str, str]
    absent: Collection[str]

    def lacking(self, need: str) -> str | None:
        """Return what is lacking for a need, for people; None when it is met."""
        if need.startswith("CONFIG_"):
            return None if need in self.options else f"the kernel has no {need}"
        if need.startswith(_TOOL):
            name = need.removeprefix(_TOOL)
            return f"the guest has no {name}" if name in self.absent else None
        wanted = _VERSION.fullmatch(need)
        if wanted is None:
            return None
        found = self.tools.get(wanted[1])
        if found is None or _numbers(found) >= _numbers(wanted[2]):
            return None
        return f"{wanted[1]} is {found}, and {wanted[2]} is needed"


def explained(said: str, tools: Mapping[str, str]) -> str | None:
    """Return which tool is too old for a program that does not compile, and why that shows; None where none is."""
    facts = Facts(options=frozenset(), tools=tools, absent=())
    for rule in BUILD_RULES:
        lacking = facts.lacking(rule.needs)
        if lacking and rule.said.search(said):
            return f"{lacking}: {rule.why}"
    return None


def options_of(config: str) -> frozenset[str]:
    """Return the options that a .config has as y, m or a value."""
    lines = (line.partition("=") for line in config.splitlines() if line.startswith("CONFIG_"))
    return frozenset(name for name, equals, value in lines if equals and value != "n")


def needs_of(text: str, rules: Iterable[Rule]) -> frozenset[str]:
    """Return what a source needs."""
    return frozenset(need for rule in rules if any(word in text for word in rule.words) for need in rule.needs)


def needs_of_program(text: str) -> frozenset[str]:
    """Return what a program needs; of its functions, where each is a test of its own, what all of them need."""
    whole = needs_of(text, OBJECT_RULES)
    if not any(mark in text for mark in _ANNOTATED):
        return whole | needs_of(text, SECTION_RULES)
    sections = [one for one in _SECTION.findall(text) if one != "license" and not one.startswith(".")]
    asked = [needs_of(f'SEC("{section}', SECTION_RULES) for section in sections]
    return whole.union(frozenset.intersection(*asked)) if asked else whole


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
