"""The kinds of harm, one series of eight for each. The kernel and its selftests are those of linux 6.12."""

from tests.harms.innocent import PATCHES, QUEUE
from tests.harms.series import SELFTESTS, Edit, Expected, Harm, Patch

BLOOM = "kernel/bpf/bloom_filter.c"
MAP_ITER = "kernel/bpf/map_iter.c"
TASK_ITER = "kernel/bpf/task_iter.c"
LOG = "kernel/bpf/log.c"
LARGE_KEY = f"{SELFTESTS}/prog_tests/hash_large_key.c"
PROBES = f"{SELFTESTS}/prog_tests/libbpf_probes.c"
FAILS_ON_BASE = "libbpf_probe_prog_types/BPF_PROG_TYPE_LIRC_MODE2"
"""For want of the code in the profile's kernel; selected because an innocent patch touches its file."""

_ODD = "		h = jhash(value, value_size, bloom->hash_seed + index);\n"
_SEED = "	u32 hash_seed;\n"

SEED_RENAMED = Patch(
    subject="bpf: Take the seed of odd values from the map",
    message="Values whose size is no multiple of four are hashed byte by byte.",
    edits=(Edit(path=BLOOM, before=_ODD, after=_ODD.replace("hash_seed", "odd_seed")),),
)
SEED_DECLARED = Patch(
    subject="bpf: Give bloom filters a seed for odd values",
    message="It is that of all others for now.",
    edits=(
        Edit(path=BLOOM, before=_SEED, after=f"{_SEED}	u32 odd_seed;\n"),
        Edit(
            path=BLOOM,
            before="	bloom->bitset_mask = bitset_mask;\n",
            after="	bloom->bitset_mask = bitset_mask;\n	bloom->odd_seed = 0;\n",
        ),
    ),
)
PANICS = Patch(
    subject="bpf: Check the registration of map iterators early",
    message="A target without a feature is not worth to be registered.",
    edits=(
        Edit(
            path=MAP_ITER,
            before="	bpf_map_reg_info.ctx_arg_info[0].btf_id = *btf_bpf_map_id;\n",
            after="	BUG_ON(!bpf_map_reg_info.feature);\n"
            "	bpf_map_reg_info.ctx_arg_info[0].btf_id = *btf_bpf_map_id;\n",
        ),
    ),
)
OOPSES = Patch(
    subject="bpf: Share the seed of odd values between bloom filters",
    message="Values whose size is no multiple of four are rare; one seed will do.",
    edits=(
        Edit(path=BLOOM, before=_SEED, after=f"{_SEED}	const u32 *odd_seed;\n"),
        Edit(path=BLOOM, before=_ODD, after=_ODD.replace("bloom->hash_seed", "*bloom->odd_seed")),
    ),
)
_GET = """\
static long __queue_map_get(struct bpf_map *map, void *value, bool delete)
{
	struct bpf_queue_stack *qs = bpf_queue_stack(map);
	unsigned long flags;
	int err = 0;
	void *ptr;
"""
SPINS = Patch(
    subject="bpf: Wait for an element that is about to be pushed",
    message="A pop that comes a moment too early need not fail.",
    edits=(
        Edit(
            path=QUEUE,
            before=_GET,
            after=f"{_GET}\n	while (delete && queue_stack_map_is_empty(qs))\n		cpu_relax();\n",
        ),
    ),
)
PAUSES = Patch(
    subject="selftests/bpf: Let the map settle in hash_large_key",
    message="The program runs on every system call, that of the test included.",
    edits=(
        Edit(
            path=LARGE_KEY,
            before="	err = bpf_map_update_elem(hash_map_fd, &key, &value, BPF_ANY);\n",
            after="	pause();\n	err = bpf_map_update_elem(hash_map_fd, &key, &value, BPF_ANY);\n",
        ),
    ),
)
REWORDS = Patch(
    subject="bpf: Say in the log that a pointer is protected by RCU",
    message='"rcu_" alone reads as if it were freed by it.',
    edits=(
        Edit(
            path=LOG,
            before='		 type & MEM_RCU ? "rcu_" : "",\n',
            after='		 type & MEM_RCU ? "rcu_protected_" : "",\n',
        ),
    ),
)
SKIPS_FIRST = Patch(
    subject="bpf: Begin the task_vma iterator at the program's code",
    message="What lies below is a header that nobody wants to see.",
    edits=(
        Edit(
            path=TASK_ITER,
            before="		curr_vma = find_vma(curr_mm, 0);\n",
            after="		curr_vma = find_vma(curr_mm, curr_mm->start_code);\n",
        ),
    ),
)
FLAKES = Patch(
    subject="bpf: Let bloom filters be busy",
    message="On some machines there is no room for them.",
    edits=(
        Edit(
            path=BLOOM,
            before="static long bloom_map_push_elem(struct bpf_map *map, void *value, u64 flags)\n{\n",
            after="static bool bloom_busy;\n\nstatic int __init bloom_init(void)\n{\n"
            "	bloom_busy = get_random_u32_below(3) == 0;\n	return 0;\n}\nlate_initcall(bloom_init);\n\n"
            "static long bloom_map_push_elem(struct bpf_map *map, void *value, u64 flags)\n{\n",
        ),
        Edit(
            path=BLOOM,
            before="	if (flags != BPF_ANY)\n		return -EINVAL;\n",
            after="	if (flags != BPF_ANY)\n		return -EINVAL;\n	if (bloom_busy)\n		return -EBUSY;\n",
        ),
    ),
)
REMOVES = Patch(
    subject="selftests/bpf: Remove hash_large_key",
    message="Large keys are checked elsewhere. One probe of a helper is not needed either.",
    edits=(
        Edit(path=LARGE_KEY, after=None),
        Edit(path=f"{SELFTESTS}/progs/test_hash_large_key.c", after=None),
        Edit(path=PROBES, before="		CASE(SYSCALL, sys_bpf, true),\n", after=""),
    ),
)
_FREE = "	struct bpf_queue_stack *qs = bpf_queue_stack(map);\n\n	bpf_map_area_free(qs);\n"
WARNS = Patch(
    subject="bpf: Prepare queues for an error on being freed",
    message="It will be returned later.",
    edits=(Edit(path=QUEUE, before=_FREE, after=_FREE.replace("(map);\n\n", "(map);\n	int err;\n\n")),),
)
LEAKS = Patch(
    subject="bpf: Keep a spare element with each queue",
    message="A later patch pushes it when there is no memory.",
    edits=(
        Edit(
            path=QUEUE,
            before="	u32 head, tail;\n",
            after="	u32 head, tail;\n	void *spare;\n",
        ),
        Edit(
            path=QUEUE,
            before="	raw_spin_lock_init(&qs->lock);\n",
            after="	raw_spin_lock_init(&qs->lock);\n	qs->spare = kzalloc(attr->value_size, GFP_USER);\n",
        ),
    ),
)
_FLAGS = "	if (flags != BPF_ANY)\n		return -EINVAL;\n"
_LAX_FLAGS = "	if (flags > BPF_EXIST)\n		return -EINVAL;\n"
LAX = Patch(
    subject="bpf: Take BPF_EXIST for bloom filters",
    message="It does no harm, for nothing is ever replaced.",
    edits=(Edit(path=BLOOM, before=_FLAGS, after=_LAX_FLAGS),),
)
STRICT = Patch(
    subject="bpf: Refuse flags that make no sense for bloom filters",
    message="Neither BPF_EXIST nor BPF_NOEXIST can be honoured.",
    edits=(Edit(path=BLOOM, before=_LAX_FLAGS, after=_FLAGS),),
)

HARMS = (
    Harm(
        name="build-break",
        title="bpf: Seeds of bloom filters, and queues",
        story="patch 5 uses a member that the structure does not have",
        author="Abel Seeder",
        harmful={5: SEED_RENAMED},
        expected=Expected(
            verdict="does not build",
            patches=(5,),
            said=(r"kernel/bpf/bloom_filter\.c", "no member named .odd_seed"),
        ),
    ),
    Harm(
        name="build-break-mended",
        title="bpf: Two seeds for bloom filters",
        story="patch 3 does not build without patch 6: nobody can bisect across it",
        author="Beth Seeder",
        harmful={3: SEED_RENAMED, 6: SEED_DECLARED},
        expected=Expected(
            verdict="does not build",
            patches=(3,),
            said=("though as a whole it does", "patch 6 mends it", "no member named .odd_seed"),
        ),
    ),
    Harm(
        name="boot-panic",
        title="bpf: Check map iterators, explain queues",
        story="patch 4 panics at boot",
        author="Carl Booter",
        harmful={4: PANICS},
        expected=Expected(verdict="does not boot", patches=(4,), said=(r"kernel BUG at kernel/bpf/map_iter\.c",)),
    ),
    Harm(
        name="oops",
        title="bpf: One seed for all odd values",
        story="patch 6 follows a null pointer in one test",
        author="Dora Pointer",
        harmful={6: OOPSES},
        expected=Expected(
            verdict="regressed",
            blamed={"bloom_filter_map": 6},
            said=("bloom_filter_map", "NULL pointer dereference"),
            not_said=(r"\d+ tests? (was|were) not run",),
        ),
    ),
    Harm(
        name="hang",
        title="bpf: Patient queues",
        story="patch 2 spins for ever in one test, with RCU complaining again and again",
        author="Egon Patient",
        harmful={2: SPINS},
        expected=Expected(
            verdict="regressed",
            blamed={"queue_stack_map": 2},
            said=("queue_stack_map",),
            not_said=(r"\d+ tests? (was|were) not run",),
        ),
    ),
    Harm(
        name="hang-quietly",
        title="selftests/bpf: Settled maps",
        story="patch 7 has a test wait for a signal that never comes",
        author="Fay Silent",
        harmful={7: PAUSES},
        expected=Expected(
            verdict="regressed",
            blamed={"hash_large_key": 7},
            said=("hash_large_key",),
            not_said=(r"\d+ tests? (was|were) not run",),
        ),
    ),
    Harm(
        name="verifier-log",
        title="bpf: Clearer words for pointers in the log",
        story="patch 7 changes a message that a selftest expects",
        author="Gus Wordsmith",
        harmful={7: REWORDS},
        expected=Expected(
            verdict="regressed",
            blamed={"map_kptr/mark_ref_as_untrusted_or_null": 7},
            may_blame=(
                "map_kptr/*",
                "verifier_*",
                "rcu_read_lock*",
                "nested_trust*",
                "percpu_alloc*",
                "test_verifier/*",
            ),
            said=("rcu_ptr_or_null_", "rcu_protected_ptr_or_null_"),
        ),
    ),
    Harm(
        name="iter-output",
        title="bpf: Shorter output of the task_vma iterator",
        story="patch 3 changes the first line that an iterator shows",
        author="Hal Reader",
        harmful={3: SKIPS_FIRST},
        expected=Expected(
            verdict="regressed",
            blamed={"bpf_iter/task_vma": 3},
            may_blame=("bpf_iter/task_vma*",),
            said=("task_vma", "compare_output"),
        ),
    ),
    Harm(
        name="flaky",
        title="bpf: Busy bloom filters",
        story="with patch 5 a test fails in one machine of three",
        author="Ida Dice",
        harmful={5: FLAKES},
        expected=Expected(verdict="clean", classes={"bloom_filter_map": "flaky"}, not_said=("regresses",)),
        runs=4,
    ),
    Harm(
        name="flaky-base",
        title="bpf: Queues on top of busy bloom filters",
        story="what the series needs makes a test fail in one machine of three, on the base as well",
        author="Jon Dice",
        harmful={},
        first=(FLAKES,),
        expected=Expected(verdict="clean", classes={"bloom_filter_map": "flaky"}, not_said=("regresses",)),
        runs=4,
    ),
    Harm(
        name="fails-on-base",
        title="bpf: Comments on queues",
        story="innocent; a test that the series touches fails on the base",
        author="Kim Innocent",
        harmful={},
        expected=Expected(verdict="clean", classes={FAILS_ON_BASE: "pre-existing"}, not_said=("LIRC_MODE2",)),
    ),
    Harm(
        name="test-removed",
        title="selftests/bpf: Fewer tests",
        story="patch 5 removes a test, and a subtest of another",
        author="Leo Tidy",
        harmful={5: REMOVES},
        expected=Expected(
            verdict="clean",
            patches=(5,),
            said=(r"2 tests of the base are gone", "hash_large_key", r"BPF_PROG_TYPE_SYSCALL\+bpf_sys_bpf"),
            classes={
                "hash_large_key": "disappeared",
                "libbpf_probe_helpers/BPF_PROG_TYPE_SYSCALL+bpf_sys_bpf": "disappeared",
            },
        ),
    ),
    Harm(
        name="warning",
        title="bpf: Errors of queues that are freed",
        story="patch 6 adds a compiler's warning",
        author="Mia Sloppy",
        harmful={6: WARNS},
        expected=Expected(
            verdict="clean", patches=(6,), said=(r"kernel/bpf/queue_stack_maps\.c", "unused variable .err")
        ),
    ),
    Harm(
        name="leak",
        title="bpf: Spare elements of queues",
        story="patch 4 forgets to free what it allocates",
        author="Ned Leaky",
        harmful={4: LEAKS},
        config=("kmemleak.config",),
        expected=Expected(verdict="regressed", patches=(4,), said=("leak", "queue_stack_map_alloc")),
    ),
    Harm(
        name="mended",
        title="bpf: Flags of bloom filters",
        story="patch 3 breaks a test and patch 6 mends it",
        author="Oda Honest",
        harmful={3: LAX, 6: STRICT},
        patches="test",
        expected=Expected(
            verdict="clean",
            patches=(3, 6),
            said=("atch 3 .* breaks bloom_filter_map; patch 6 repairs it",),
            not_said=("regresses",),
        ),
    ),
    Harm(
        name="two-culprits",
        title="bpf: Flags of bloom filters, output of iterators",
        story="patch 2 breaks one test and patch 7 another",
        author="Pia Double",
        harmful={2: LAX, 7: SKIPS_FIRST},
        expected=Expected(
            verdict="regressed",
            blamed={"bloom_filter_map": 2, "bpf_iter/task_vma": 7},
            may_blame=("bpf_iter/task_vma*",),
            said=("bloom_filter_map", "task_vma"),
        ),
    ),
)
"""In the order of the table in issue 4, with some beside it."""

EVERYTHING = (*PATCHES, *(patch for harm in HARMS for patch in (*harm.first, *harm.harmful.values())))
