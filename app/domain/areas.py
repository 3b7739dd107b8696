"""What a change of the code itself asks for when the answer has to come within minutes: paths -> tests.

A profile that runs everything runs these first. Globs are of test_progs' tests; an area that a tree has no test for
asks for nothing. The verifier's own file is the one that costs minutes (docs/decisions/0021-what-is-run.md). Code of
maps does not ask for test_maps: its forks take as long where there is no KVM. What a change of code asks for by the
hundred (`broad`) runs after all that is asked for by name, so that the first verdict does not wait for it.
"""

from dataclasses import dataclass

from app.domain.suites import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Code whose change asks for certain tests: paths that begin with `prefix`, tests that match a glob of `tests`.

    `broad` are globs of those that run after the others, for they are many. `log_checks`: the verifier_* tests, too,
    whose programs check what the verifier's log says of its states. `suites` are those to run as well, where the
    profile has them.
    """

    prefix: str
    tests: tuple[str, ...] = ()
    broad: tuple[str, ...] = ()
    log_checks: bool = False
    suites: tuple[Suite, ...] = ()


_BPF = "kernel/bpf"
_MAPS = (Suite.TEST_MAPS,)
_LOG = ("verifier_log", "log_buf", "log_fixup")
_VERIFIER = (Suite.TEST_VERIFIER,)
_CHECKS = ("verifier_*",)

AREAS = (
    Area(prefix=f"{_BPF}/verifier.c", tests=_LOG, broad=_CHECKS, suites=(*_VERIFIER, Suite.VERISTAT)),
    Area(prefix="include/linux/bpf_verifier.h", tests=_LOG, broad=_CHECKS, suites=(*_VERIFIER, Suite.VERISTAT)),
    Area(prefix=f"{_BPF}/liveness.c", tests=_LOG, broad=_CHECKS, suites=(*_VERIFIER, Suite.VERISTAT)),
    Area(prefix=f"{_BPF}/tnum.c", tests=("reg_bounds_crafted",), broad=_CHECKS, suites=(*_VERIFIER, Suite.VERISTAT)),
    Area(prefix=f"{_BPF}/log.c", tests=_LOG, log_checks=True),
    Area(prefix=f"{_BPF}/disasm.c", tests=("verifier_log",), log_checks=True),
    Area(prefix=f"{_BPF}/btf.c", tests=("btf", "btf_tag", "verifier_btf_*", "log_fixup")),
    Area(prefix=f"{_BPF}/bpf_iter.c", tests=("bpf_iter", "bpf_iter_*", "iters")),
    Area(prefix=f"{_BPF}/map_iter.c", tests=("bpf_iter",)),
    Area(prefix=f"{_BPF}/task_iter.c", tests=("bpf_iter", "task_iter*", "iters")),
    Area(prefix=f"{_BPF}/cgroup_iter.c", tests=("bpf_iter", "cgroup_iter", "iters")),
    Area(prefix=f"{_BPF}/dmabuf_iter.c", tests=("bpf_iter", "dmabuf_iter")),
    Area(prefix=f"{_BPF}/kmem_cache_iter.c", tests=("bpf_iter", "kmem_cache_iter")),
    Area(prefix=f"{_BPF}/wakeup_source_iter.c", tests=("bpf_iter", "wakeup_source_iter")),
    Area(prefix=f"{_BPF}/core.c", tests=("subprogs", "subprogs_extable", "tailcalls", "jit_probe_mem")),
    Area(prefix="arch/x86/net/", tests=("subprogs", "subprogs_extable", "tailcalls", "jit_probe_mem", "fentry_*")),
    Area(prefix=f"{_BPF}/link_iter.c", tests=("bpf_iter",)),
    Area(prefix=f"{_BPF}/prog_iter.c", tests=("bpf_iter",)),
    Area(prefix=f"{_BPF}/ringbuf.c", tests=("ringbuf*", "user_ringbuf")),
    Area(prefix=f"{_BPF}/arraymap.c", tests=("map_*", "global_data_init", "global_map_resize", "percpu_alloc")),
    Area(prefix=f"{_BPF}/hashtab.c", tests=("map_*", "htab_*", "hash_large_key", "percpu_alloc")),
    Area(prefix=f"{_BPF}/lpm_trie.c", tests=("lpm_trie*", "map_btf")),
    Area(prefix=f"{_BPF}/queue_stack_maps.c", tests=("queue_stack_map",)),
    Area(prefix=f"{_BPF}/map_in_map.c", tests=("map_in_map", "btf_map_in_map")),
    Area(prefix=f"{_BPF}/bloom_filter.c", tests=("bloom_filter_map",)),
    Area(prefix=f"{_BPF}/arena.c", tests=("arena_*", "verifier_arena*")),
    Area(prefix=f"{_BPF}/memalloc.c", tests=("test_bpf_ma", "preempted_bpf_ma_op", "htab_reuse", "linked_list")),
    Area(prefix=f"{_BPF}/helpers.c", tests=("dynptr", "timer", "linked_list", "rbtree_*", "kptr_xchg_inline")),
    Area(prefix=f"{_BPF}/trampoline.c", tests=("fentry_*", "fexit_test", "modify_return", "tracing_struct")),
    Area(prefix=f"{_BPF}/bpf_struct_ops.c", tests=("dummy_st_ops", "struct_ops_*")),
    Area(prefix=f"{_BPF}/bpf_lsm.c", tests=("test_lsm", "lsm_cgroup", "verifier_lsm")),
    Area(prefix=f"{_BPF}/cpumask.c", tests=("cpumask", "verifier_bits_iter")),
    Area(prefix=f"{_BPF}/cgroup.c", tests=("cgroup_*", "sockopt", "sockopt_*")),
    Area(prefix=f"{_BPF}/bpf_local_storage.c", tests=("*_local_storage", "test_local_storage")),
    Area(prefix=f"{_BPF}/bpf_cgrp_storage.c", tests=("cgrp_local_storage",)),
    Area(prefix=f"{_BPF}/bpf_task_storage.c", tests=("task_local_storage",)),
    Area(prefix=f"{_BPF}/local_storage.c", tests=("cgroup_storage", "cg_storage_multi", "netcnt")),
    Area(prefix=f"{_BPF}/tcx.c", tests=("tc_links_*", "tc_opts_*", "tc_bpf")),
    Area(prefix=f"{_BPF}/mprog.c", tests=("tc_links_*", "tc_opts_*")),
    Area(prefix=f"{_BPF}/token.c", tests=("token",)),
    Area(prefix=f"{_BPF}/stackmap.c", tests=("get_stack_raw_tp", "stacktrace_*", "build_id")),
    Area(prefix=f"{_BPF}/syscall.c", tests=("syscall", "map_init", "bpf_obj_*", "prog_run_opts")),
    Area(prefix="kernel/trace/bpf_trace.c", tests=("kprobe_multi_test", "uprobe_multi_test", "bpf_cookie", "trace_*")),
    Area(prefix="net/core/sock_map.c", tests=("sockmap_basic", "sockmap_listen")),
    Area(prefix="net/core/skmsg.c", tests=("sockmap_basic", "sockmap_listen")),
    Area(prefix="net/core/filter.c", tests=("skb_*", "sk_assign", "sk_lookup", "sock_fields", "xdp_adjust_tail")),
    Area(prefix="net/ipv4/tcp_bpf.c", tests=("sockmap_basic", "sockmap_listen")),
    Area(prefix="net/ipv4/udp_bpf.c", tests=("sockmap_basic", "sockmap_listen")),
    Area(prefix="net/bpf/test_run.c", tests=("prog_run_opts", "raw_tp_test_run")),
    Area(prefix="tools/lib/bpf/", tests=("libbpf_*", "global_data_init", "bpf_obj_*", "btf_dump", "skeleton")),
    Area(prefix="include/uapi/linux/bpf.h", tests=("libbpf_probe_*", "libbpf_str")),
    Area(prefix="tools/testing/selftests/bpf/test_loader.c", tests=("verifier_log",), log_checks=True),
    Area(prefix="tools/testing/selftests/bpf/bpf_testmod/", tests=("kfunc_call", "module_attach", "struct_ops_module")),
    Area(prefix="tools/testing/selftests/bpf/test_kmods/", tests=("kfunc_call", "module_attach", "struct_ops_module")),
    Area(prefix="tools/testing/selftests/bpf/verifier/", suites=_VERIFIER),
    Area(prefix="tools/testing/selftests/bpf/test_verifier.c", suites=_VERIFIER),
    Area(prefix="tools/testing/selftests/bpf/map_tests/", suites=_MAPS),
    Area(prefix="tools/testing/selftests/bpf/test_maps.", suites=_MAPS),
    Area(prefix="tools/testing/selftests/bpf/veristat.", suites=(Suite.VERISTAT,)),
)
