"""Ten revisions that change a comment in kernel/bpf and nothing else: none may be blamed for anything."""

from tests.harms.series import Edit, Patch

_COMMENTS = {
    "kernel/bpf/queue_stack_maps.c": "/* Called from syscall */\nstatic int queue_stack_map_alloc_check(",
    "kernel/bpf/bloom_filter.c": "/* Called from syscall */\nstatic int bloom_map_alloc_check(",
    "kernel/bpf/reuseport_array.c": "/* The caller must hold the reuseport_lock */\nvoid bpf_sk_reuseport_detach(",
    "kernel/bpf/map_iter.c": "static int __init bpf_map_iter_init(",
    "kernel/bpf/task_iter.c": "static void *task_vma_seq_start(",
    "kernel/bpf/log.c": "const char *dynptr_type_str(",
    "kernel/bpf/link_iter.c": "static int __init bpf_link_iter_init(",
    "kernel/bpf/prog_iter.c": "static int __init bpf_prog_iter_init(",
    "kernel/bpf/percpu_freelist.c": "void pcpu_freelist_destroy(",
    "kernel/bpf/cgroup_iter.c": "static int __init bpf_cgroup_iter_init(",
}


def nulls() -> tuple[Patch, ...]:
    """Return the ten patches."""
    return tuple(_commented(path, place) for path, place in _COMMENTS.items())


def _commented(path: str, place: str) -> Patch:
    name = path.rpartition("/")[2]
    return Patch(
        subject=f"bpf: Comment on what begins here in {name}",
        message="No functional change.",
        edits=(Edit(path=path, before=place, after=f"/* What is above is used from here on. */\n{place}"),),
    )
