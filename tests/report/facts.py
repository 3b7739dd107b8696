"""Invented facts for reports, one set a verdict."""

from app.domain.outcome import ChangeClass, Verdict
from app.report.facts import BlamedTest, BuildError, Complaint, Refusal, ReportFacts, Since, Tested
from app.report.reproduce import Recipe

BASE = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
TOOLCHAIN = {"gcc": "12.2.0", "clang": "19.1.4", "lld": "19.1.4", "make": "4.3", "pahole": "1.24", "qemu": "7.2.15"}
URLS = ("https://reroll.example.org/runs/812", "https://reroll.example.org/series/7")
CONFIG = "https://reroll.example.org/api/v1/steps/4021/logs/config"

TESTED = Tested(
    patches=8,
    tree="linux-6.12",
    tree_url="https://git.example.org/linux/bpf-next.git",
    base_commit=BASE,
    base_reason="the base-commit line of the cover letter",
    profile="bpf-quick",
    toolchain=TOOLCHAIN,
    accelerator="tcg",
    compared=1419,
    not_built=(("bpf_attr_size", "its BPF program is not in the tree"),),
)
STOPPED = Tested(
    patches=8,
    tree="linux-6.12",
    base_commit=BASE,
    base_reason="the tree's default branch",
    profile="bpf-quick",
    toolchain=TOOLCHAIN,
)

CLEAN = ReportFacts(
    label="v4",
    root_id="20260414-ringcount-v4-0@example.org",
    verdict=Verdict.CLEAN,
    sentence="v4 is clean. The failure of v3 is fixed, 6 new tests pass, 1,419 tests are as on the base.",
    tested=TESTED,
    urls=URLS,
    since=Since(label="v3", fixed=("bpf_iter/bpf_percpu_array_map",)),
    contact="mailto:keeper@example.org",
)

REGRESSED = ReportFacts(
    label="v3",
    root_id="20260326-ringcount-v3-0@example.org",
    verdict=Verdict.REGRESSED,
    sentence="v3 regresses 2 tests: bpf_iter/bpf_percpu_array_map, verifier_log/bad_prog-level1. v3 fails a new test "
    "of its own: ringcount/overflow. 5 new tests pass, 1,417 tests are as on the base, 2 tests were not run.",
    tested=Tested(
        patches=4,
        tree="linux-6.12",
        base_commit=BASE,
        base_reason="the tree's default branch",
        profile="bpf-quick",
        toolchain=TOOLCHAIN,
        accelerator="kvm",
        compared=1419,
        not_run=("xdp_bonding", "xdp_metadata"),
        flaky=(
            (
                "map_kptr/refcounted",
                "base passed 3 of 3, patched failed 5 of 5; failed 4 of 30 runs of unpatched trees (5\N{EN DASH}30 %)",
            ),
            ("fd_array_cnt", "base passed 3 of 3, patched failed 1 of 3"),
        ),
        ignored=(
            ("lru_lock_nmi", "until 2026-05-14, ann@example.org sees to it: needs an NMI (base passed 1 of 1, ...)"),
        ),
    ),
    recipe=Recipe(
        run_id=812,
        root_id="20260326-ringcount-v3-0@example.org",
        version=3,
        archive="https://lore.kernel.org/all",
        tree_url="https://git.example.org/linux/bpf-next.git",
        tree_ref="refs/heads/master",
        base_commit=BASE,
        config_url=CONFIG,
        cpus=2,
        memory_mb=2048,
        url=URLS[0],
    ),
    urls=URLS,
    config_url=CONFIG,
    tests=(
        BlamedTest(
            suite="test_progs",
            name="bpf_iter/bpf_percpu_array_map",
            cls=ChangeClass.REGRESSION,
            figures="base passed 3 of 3, patched failed 3 of 3",
            message="unexpected read: actual -14 != expected 0",
            excerpt="test_bpf_percpu_array_map:PASS:skel_open_load 0 nsec\n"
            "test_bpf_percpu_array_map:FAIL:read unexpected read: actual -14 != expected 0\n",
        ),
        BlamedTest(
            suite="test_progs",
            name="verifier_log/bad_prog-level1",
            cls=ChangeClass.REGRESSION,
            figures="base passed 3 of 3, patched failed 3 of 3",
            message="expected “R0 invalid mem access”, the verifier's log says “R0 counted mem access 'scalar'”",
            excerpt="VERIFIER LOG:\n=============\n0: R1=ctx() R10=fp0\n0: (79) r0 = *(u64 *)(r1 +8)\n"
            "R0 counted mem access 'scalar'\n=============\nEXPECTED   SUBSTR: 'R0 invalid mem access'\n",
        ),
        BlamedTest(
            suite="test_progs",
            name="ringcount/overflow",
            cls=ChangeClass.NEW_FAILURE,
            figures="new with the series, failed 3 of 3",
            excerpt="test_overflow:FAIL:count unexpected count: actual 0 != expected 4096\n",
        ),
    ),
    complaints=(
        Complaint(
            title="WARNING: CPU: 1 PID: 97 at kernel/bpf/ringcount.c:51 ringcount_read+0x3c/0x90",
            excerpt="WARNING: CPU: 1 PID: 97 at kernel/bpf/ringcount.c:51 ringcount_read+0x3c/0x90\n"
            "Call Trace:\n <TASK>\n bpf_map_copy_value+0x71/0x2a0\n __sys_bpf+0x11b1/0x2a70\n",
        ),
    ),
    since=Since(
        label="v2",
        fixed=("ringcount/basic",),
        broken=("bpf_iter/bpf_percpu_array_map", "verifier_log/bad_prog-level1"),
        still_broken=("ringcount/overflow",),
        unknown=("xdp_bonding",),
        caveats=("They were built with different versions of gcc.",),
    ),
    replaces=Verdict.CLEAN,
)

NOT_APPLIED = ReportFacts(
    label="v1",
    root_id="20260127-ringcount-v1-0@example.org",
    verdict=Verdict.DOES_NOT_APPLY,
    sentence="v1 does not apply: patch 3 (libbpf: Read the count of dropped samples); git said: error: patch failed: "
    "tools/lib/bpf/libbpf.c:9120 error: tools/lib/bpf/libbpf.c: patch does not apply.",
    tested=STOPPED,
    urls=URLS,
    refusal=Refusal(
        position=3,
        title="libbpf: Read the count of dropped samples",
        git_said="error: patch failed: tools/lib/bpf/libbpf.c:9120\n"
        "error: tools/lib/bpf/libbpf.c: patch does not apply",
        hunk="@@ -9120,6 +9120,7 @@ static const struct bpf_sec_def section_defs[] = {\n"
        ' \tSEC_DEF("tc", SCHED_CLS),\n'
        '+\tSEC_DEF("ringcount", RINGCOUNT),\n',
    ),
)

NOT_BUILT = ReportFacts(
    label="v2",
    root_id="20260213-ringcount-v2-0@example.org",
    verdict=Verdict.DOES_NOT_BUILD,
    sentence="v2 does not build: patch 3 (bpf: Count dropped samples), kernel/bpf/ringcount.c:51: implicit declaration "
    "of function 'ringcount_max'.",
    tested=STOPPED,
    urls=URLS,
    config_url=CONFIG,
    errors=(
        BuildError(
            file="kernel/bpf/ringcount.c",
            line=51,
            message="implicit declaration of function 'ringcount_max'",
            excerpt="/build/linux/kernel/bpf/ringcount.c: In function 'ringcount_read':\n"
            "/build/linux/kernel/bpf/ringcount.c:51:13: error: implicit declaration of function 'ringcount_max'\n"
            "   51 |         if (sum > ringcount_max())\n      |                   ^~~~~~~~~~~~~\n",
            position=3,
            title="bpf: Count dropped samples",
        ),
        BuildError(file="Makefile", line=1, message="*** No rule to make target 'x'", excerpt=""),
    ),
)

NOT_BOOTED = ReportFacts(
    label="rfc",
    root_id="20260113-ringcount-rfc-1@example.org",
    verdict=Verdict.DOES_NOT_BOOT,
    sentence="rfc does not boot: panic: Kernel panic - not syncing: ringcount: no per-CPU area.",
    tested=Tested(
        patches=1,
        tree="linux-6.12",
        base_commit=BASE,
        base_reason="the tree's default branch",
        profile="bpf-quick",
        toolchain=TOOLCHAIN,
        accelerator="tcg",
    ),
    urls=URLS,
    complaints=(
        Complaint(
            title="Kernel panic - not syncing: ringcount: no per-CPU area",
            excerpt="Kernel panic - not syncing: ringcount: no per-CPU area\nCPU: 0 UID: 0 PID: 1 Comm: swapper/0\n"
            "Call Trace:\n <TASK>\n panic+0x340/0x3a0\n ringcount_init+0x5e/0x60\n",
        ),
    ),
)

ALL = {
    "clean": CLEAN,
    "regressed": REGRESSED,
    "does-not-apply": NOT_APPLIED,
    "does-not-build": NOT_BUILT,
    "does-not-boot": NOT_BOOTED,
}
