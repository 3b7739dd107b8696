"""A whole example in rows: a series in four revisions, each with the fate that the pages have to tell."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from app.db.models import Artifact, Patch, Report, Revision, Run, RunState, Series, Step, Thread, ThreadState
from app.db.queue import Priority, Task, enqueue
from app.domain.artifact import ArtifactKind, ArtifactState
from app.domain.attestation import Check, Scheme, Signature
from app.domain.decision import DecisionKind
from app.domain.outcome import ChangeClass, Outcome, Verdict
from app.domain.outcome import Step as StepName
from app.services import attestation
from tests import factories as make
from tests.factories import NOW
from tests.printed import add_programs

TITLES = (
    "bpf: Count dropped samples per ring",
    "libbpf: Read the count of dropped samples",
    "bpftool: Show dropped samples",
    "selftests/bpf: Test the count of dropped samples",
)
ITER = "bpf_iter/bpf_map_elem"
LOG = "verifier_ringcount/dropped count may not be written"
NEW = "ringcount/dropped"
FLAKY = "fd_array_cnt/fd-array-ref-btfs"
BROKEN = "netcnt/counters"
ASKED = "Can a user reach this? Then no WARN, please."
COMMON = (ITER, FLAKY, *(f"verifier_log/case {number}" for number in range(40)))
CONSOLE = b"".join(b"[%5d.%06d] ringcount: sample %d <script>alert(1)</script>\n" % (n // 7, n, n) for n in range(600))


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What was made; lists are in the order v1 to v4."""

    series: Series
    thread: Thread
    failed_thread: Thread
    revisions: list[Revision]
    runs: list[Run]
    baseline: Run
    running: Run
    patch: Patch
    report: Report
    log_step: Step


def add_example(session: Session) -> Example:
    """Insert the example; the caller commits."""
    thread = make.add_thread(session)
    error = "http://127.0.0.1:8080/bpf has no mail <gone@example.org>: it answered 404"
    failed = make.add_thread(session, state=ThreadState.FAILED, fetched_at=None, error=error)
    series = make.add_series(session, change_id="20260127-rings-8f3a")
    days = (77, 60, 41, 0)
    revisions = [_revision(session, series, thread, number, day) for number, day in enumerate(days, 1)]
    baseline = make.add_run(session, base_reason="base of the runs that need it")
    make.add_results(session, baseline, make.passing(COMMON) | {BROKEN: Outcome.FAIL})
    runs = [_v1(session, revisions[0]), _v2(session, revisions[1]), _v3(session, revisions[2])]
    runs.append(_v4(session, revisions[3]))
    for run in runs:
        run.baseline_id = baseline.id
    _applied_first(runs[3], baseline)
    _signatures(session, revisions[3])
    _comments(session, revisions, thread)
    _decisions(session, revisions)
    make.add_ignore(session, "send_signal*")
    log_step = _steps(session, runs)
    enqueue(session, Task.JUDGE, pool="default", priority=Priority.JUDGE, run_id=runs[3].id)
    enqueue(session, Task.TRACK, pool="default", priority=Priority.TRACK, thread_id=failed.id)
    running = make.add_run(session, revisions[3], state=RunState.RUNNING, baseline_id=baseline.id)
    make.add_step(session, running, StepName.APPLY, summary="4 patches on 1a2b3c4d5e6f")
    building = make.add_step(session, running, StepName.BUILD, None, after=1)
    make.add_log(session, building, "build", b"  CC      kernel/bpf/ringcount.o\n  LD      vmlinux\n")
    add_programs(session, running, {"loop1.bpf.o/nested_loops": (Outcome.PASS, 5981, 361_349)})
    make.add_worker(session, doing=f"run {running.id}: build")
    make.add_worker(session, "spare/12/9", accelerator="kvm", seen_at=NOW - timedelta(minutes=9))
    report = make.add_report(session, revisions[3], runs[3], "v4 is clean on bpf-next 1a2b3c4d5e6f.\n\n> On Tue ...\n")
    session.flush()
    return Example(
        series=series, thread=thread, failed_thread=failed, revisions=revisions, runs=runs, baseline=baseline,
        running=running, patch=make.patches_of(session, revisions[3])[0], report=report, log_step=log_step,
    )  # fmt: skip


def _applied_first(run: Run, baseline: Run) -> None:
    needed = {"named": "message-id elsewhere@example.org", "called": "“bpf: Rings of their own” v2", "patches": 3}
    needed |= {"root_id": "elsewhere@example.org", "applied": 2, "present": 1, "problem": ""}
    lacking = {"named": f"patch-id {'5c' * 20}", "called": f"patch-id {'5c' * 6}", "root_id": "", "patches": 0}
    lacking |= {"applied": 0, "present": 0, "problem": "is not at hand: the archive's search does not find it"}
    run.evidence = run.evidence | {"first": [needed, lacking]}
    baseline.evidence = baseline.evidence | {"first": [needed]}


def _signatures(session: Session, revision: Revision) -> None:
    """Sign the cover letter and the patches, each with another outcome."""
    author = revision.author_email
    altered = "the body was altered after it was signed, as by a list that adds a footer"

    def own(result: Check, reason: str) -> Signature:
        return Signature(scheme=Scheme.PATATT, signer=author, by_author=True, result=result, reason=reason)

    def domain(result: Check, reason: str = "", name: str = author.partition("@")[2]) -> Signature:
        mine = name == author.partition("@")[2]
        return Signature(scheme=Scheme.DKIM, signer=name, by_author=mine, result=result, reason=reason)

    passing, broken = domain(Check.PASS), domain(Check.FAIL, altered)
    signed, unknown = own(Check.PASS, "openpgp"), own(Check.NO_KEY, "ed25519; it is not in the keyring")
    relay = domain(Check.UNCHECKED, "no DNS: LifetimeTimeout", "relay.example")
    assert revision.cover_id is not None
    mails = [revision.cover_id, *(patch.message_pk for patch in make.patches_of(session, revision))]
    for message_pk, found in zip(mails, ([signed, passing], [passing], [broken, relay], [unknown], []), strict=False):
        attestation.store(session, message_pk, found)


def _revision(session: Session, series: Series, thread: Thread, number: int, day: int) -> Revision:
    older = {"link_to": f"v{number - 1}", "link_reason": "change-id", "link_strength": 5} if number > 1 else {}
    posted = NOW - timedelta(days=day, hours=2)
    return make.add_revision(
        session, series, f"v{number}", titles=TITLES, position=number - 1, thread=thread, posted_at=posted,
        base_commit=make.BASE, **older,
    )  # fmt: skip


def _decisions(session: Session, revisions: list[Revision]) -> None:
    v1, v2, v3, v4 = revisions
    for revision in revisions:
        revision.change_id = "20260127-rings-8f3a"
    v4.supersedes = [v3.root_id]
    v4.prerequisites = ["change-id 20260127-rings-8f3a:v2", "message-id elsewhere@example.org", f"patch-id {'5c' * 20}"]
    undone = {"undone_by": "ben's desk", "undone_at": NOW - timedelta(hours=1)}
    split = {"parted_from": v1.root_id, "note": "another design", "created_at": NOW - timedelta(days=2)}
    make.add_decision(session, DecisionKind.SPLIT, v2, **split, **undone)
    make.add_decision(
        session, DecisionKind.LINK, v3, v2, note="Renamed after v2.", created_at=NOW - timedelta(hours=3)
    )  # fmt: skip


def _v1(session: Session, revision: Revision) -> Run:
    run = make.add_run(session, revision, verdict=Verdict.REGRESSED, started=revision.posted_at)
    run.sentence = f"1 new test of v1 fails: {LOG}. 1 new test passes, 43 tests are as on the base."
    results = make.passing(COMMON) | {LOG: Outcome.FAIL, NEW: Outcome.PASS, BROKEN: Outcome.FAIL}
    make.add_results(session, run, results)
    reason = 'expected "R0 is read-only", log says "R0 invalid mem access"'
    make.add_change(session, run, LOG, ChangeClass.NEW_FAILURE, reason)
    make.add_change(session, run, NEW, ChangeClass.NEW_PASS)
    make.add_change(session, run, BROKEN, ChangeClass.PRE_EXISTING, "fails on the base as well")
    return run


def _v2(session: Session, revision: Revision) -> Run:
    error = {
        "file": "tools/bpf/bpftool/map.c",
        "line": 412,
        "column": 9,
        "severity": "error",
        "message": "use of undeclared identifier 'dropped'",
        "excerpt": "map.c:412:9: error: use of undeclared identifier 'dropped'\n  412 |   sum += dropped;\n",
        "patch": 3,
        "patch_title": TITLES[2],
        "grounds": "added the line",
    }
    evidence = {"reached": "build", "applied": True, "built": False, "booted": False, "complete": False}
    evidence |= {"build": {"target": "bpftool", "errors": [error]}, "commit": "f" * 40}
    run = make.add_run(session, revision, verdict=Verdict.DOES_NOT_BUILD, started=revision.posted_at, evidence=evidence)
    run.sentence = "v2 does not build: tools/bpf/bpftool/map.c:412: use of undeclared identifier 'dropped' (patch 3)."
    return run


def _v3(session: Session, revision: Revision) -> Run:
    event = {"kind": "WARNING", "title": "WARNING: kernel/bpf/ringcount.c:48 ringcount_read", "count": 2, "line": 311}
    event |= {"frames": ["ringcount_read+0x42/0x90"], "fingerprint": "00ff00ff00ff00ff", "excerpt": "WARNING: CPU: 1"}
    run = make.add_run(session, revision, verdict=Verdict.REGRESSED, started=revision.posted_at)
    event |= {"test": "ringcount", "perhaps": None, "life": 2, "decoded": []}
    killer = {
        "suite": "test_progs",
        "name": "netcnt",
        "message": "oops: kernel NULL pointer dereference in netcnt_read",
    }
    first = {
        "life": 1,
        "ending": "panic",
        "tests": 48,
        "first": "bpf_iter",
        "killers": [killer],
        "cuts": ["the kernel"],
    }
    second = {"life": 2, "ending": "died", "tests": 20, "first": "ringcount", "killers": []}
    second |= {"cuts": ["the machine was reset in test_progs after verifier_log"], "not_run": ["xdp_metadata", "wq"]}
    run.evidence = {"reached": "selftests", "events": [event], "lives": [first, second]}
    run.sentence = f"v3 regresses 1 test: {ITER}. 2 new tests pass, 1 test is flaky, 41 tests are as on the base."
    results = make.passing(COMMON) | {LOG: Outcome.PASS, NEW: Outcome.PASS, ITER: Outcome.FAIL, FLAKY: Outcome.FAIL}
    make.add_results(session, run, results | {BROKEN: Outcome.FAIL})
    for boot in (1, 2):
        make.add_results(session, run, {ITER: Outcome.FAIL, FLAKY: Outcome.PASS}, boot=boot)
        make.add_results(session, run, {ITER: Outcome.PASS, FLAKY: Outcome.FAIL}, boot=boot, on_base=True)
    make.add_change(session, run, ITER, ChangeClass.REGRESSION, "sum is 12, expected 14")
    make.add_change(session, run, FLAKY, ChangeClass.FLAKY, "failed 1 of 3 patched, 2 of 3 on the base")
    make.add_change(session, run, LOG, ChangeClass.NEW_PASS)
    make.add_change(session, run, NEW, ChangeClass.NEW_PASS)
    make.add_change(session, run, BROKEN, ChangeClass.PRE_EXISTING, "fails on the base as well")
    return run


def _v4(session: Session, revision: Revision) -> Run:
    run = make.add_run(
        session, revision, verdict=Verdict.CLEAN, started=revision.posted_at,
        sentence="v4 is clean. The regression of v3 is fixed, 2 new tests pass, 43 tests are as on the base.",
        evidence={
            "reached": "selftests", "applied": True, "built": True, "booted": True, "complete": True,
            "accelerator": "tcg",
            "previous": "v3",
            "since": {"fixed": [{"suite": "test_progs", "name": ITER, "ordinal": 0}], "broken": [], "still_broken": []},
            "not_built": [{"test": "bpf_attr_size", "reason": "its BPF program is not in the tree"}],
        },
        selection=[{"test": "bpf_iter", "reason": "core"}, {"test": "ringcount", "reason": "the series adds it"}],
    )  # fmt: skip
    results = make.passing([*COMMON, LOG, NEW]) | {BROKEN: Outcome.FAIL}
    make.add_results(session, run, results)
    make.add_results(session, run, {"ringcount": Outcome.PASS}, aggregate=True)
    for name in (LOG, NEW):
        make.add_change(session, run, name, ChangeClass.NEW_PASS)
    make.add_change(session, run, BROKEN, ChangeClass.PRE_EXISTING, "fails on the base as well")
    return run


def _comments(session: Session, revisions: list[Revision], thread: Thread) -> None:
    first = make.patches_of(session, revisions[2])
    quoted = "+\tif (WARN_ON_ONCE(sum > RINGCOUNT_MAX))"
    point = {"path": "kernel/bpf/ringcount.c", "line": 48, "removed": False, "quoted": quoted}
    for revision, patches in ((revisions[2], first), (revisions[3], make.patches_of(session, revisions[3]))):
        make.add_comment(
            session, revision, f"On Tue, Ann Author wrote:\n> {quoted}\n\n{ASKED}\n", patch=patches[0],
            anchors=[point | {"text": ASKED}], thread=thread,
        )  # fmt: skip
        make.add_comment(
            session, revision, "Looks good.\n\nAcked-by: Max Maintainer <max@example.org>\n",
            author=("Max Maintainer", "max@example.org"), trailers=["Acked-by: Max Maintainer <max@example.org>"],
            thread=thread,
        )  # fmt: skip
    make.add_comment(
        session, revisions[3], "The flag is lost when the ring is full.\n\nSeverity: medium\n",
        patch=make.patches_of(session, revisions[3])[1], author=("review bot", "bot@example.org"), bot="bpf-ci",
        thread=thread,
    )  # fmt: skip


def _artifacts(session: Session, run: Run) -> None:
    """One gone, one that waits longer for trouble of ours, one that waits its turn; there is no store to keep one."""
    common = {"run_id": run.id, "attempt": 1, "image_key": f"image{run.id}", "created_at": NOW}
    session.add_all(
        [
            Artifact(kind=ArtifactKind.VMLINUX, state=ArtifactState.GONE, gone_at=NOW, why="room was needed", **common),
            Artifact(kind=ArtifactKind.ROOT, state=ArtifactState.WAITING, why="the store is full", **common),
            Artifact(kind=ArtifactKind.SELFTESTS, state=ArtifactState.WAITING, **common),
        ]
    )
    session.flush()


def _steps(session: Session, runs: list[Run]) -> Step:
    for run in runs:
        built = run.verdict is not Verdict.DOES_NOT_BUILD
        make.add_step(session, run, StepName.APPLY, summary="4 patches on 1a2b3c4d5e6f", took=0.8)
        build = make.add_step(
            session, run, StepName.BUILD, Outcome.PASS if built else Outcome.FAIL, after=1, took=44,
            summary="kernel and 61 programs" if built else run.sentence,
        )  # fmt: skip
        make.add_log(session, build, "build", b"  CC      kernel/bpf/ringcount.o\n" * 30)
        if built:
            make.add_log(session, build, "config", b"CONFIG_BPF_SYSCALL=y\n" * 40)
            _artifacts(session, run)
    v4 = runs[3]
    make.add_step(session, v4, StepName.BOOT, after=45, took=4, summary="up after 4.1 s (tcg)")
    step = make.add_step(session, v4, StepName.SELFTESTS, after=49, took=22, summary="46 passed, 1 failed")
    make.add_log(session, step, "console", CONSOLE)
    make.add_step(session, v4, StepName.JUDGE, after=71, took=0.1, summary="clean")
    return step
