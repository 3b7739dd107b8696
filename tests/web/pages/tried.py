"""What trying each patch of a run on its own has shown, invented."""

from dataclasses import asdict

from app.db.models import CheckState, PatchCheck, PatchTrial, Run
from app.domain.outcome import Outcome
from app.domain.patches import Finding, FindingKind
from tests.factories import NOW

FINDINGS = (
    Finding(
        kind=FindingKind.FIRST_BAD,
        position=3,
        title="bpftool: Show dropped samples",
        earliest=3,
        tests=("bpf_iter/bpf_map_elem",),
    ),
    Finding(
        kind=FindingKind.BUILD,
        position=2,
        title="libbpf: Read the count of dropped samples",
        earliest=2,
        until=4,
        place="tools/lib/bpf/ringbuf.c:12: unknown type name 'lnog' <script>alert(1)</script>",
        excerpt="tools/lib/bpf/ringbuf.c:12:9: error: unknown type name 'lnog'\n   12 | lnog lost;\n",
    ),
)
WARNING = {
    "file": "kernel/bpf/ringcount.c",
    "line": 48,
    "text": "unused variable 'cpu' [-Wunused-variable]",
    "tool": "",
    "excerpt": "kernel/bpf/ringcount.c:48:6: warning: unused variable 'cpu' [-Wunused-variable]\n   48 |  int cpu;\n",
    "remains": True,
}


def add_patches(session, run: Run, *, state: CheckState = CheckState.DONE, trouble: str | None = None) -> None:
    """Insert what trying four patches has shown."""
    whole = {"verdict": run.verdict, "sentence": run.sentence}
    findings = [asdict(one) for one in FINDINGS] if state is CheckState.DONE and trouble is None else []
    session.add(PatchCheck(run_id=run.id, state=state, whole=whole, findings=findings, trouble=trouble, created_at=NOW))
    tests = {"booted": True, "complete": True, "passed": 40, "failed": 1, "skipped": 0, "as_on_base": 2}
    tests["failing"] = ["log_buf/one"]
    trials = (
        {"outcome": Outcome.PASS, "built": ["kernel"], "warnings": [WARNING], "tests": tests, "duration_s": 21.5},
        {"outcome": Outcome.FAIL, "built": ["selftests"], "reason": FINDINGS[1].place},
        {"outcome": Outcome.SKIP, "built": [], "reason": "touches nothing that is built"},
        {
            "outcome": Outcome.PASS,
            "built": ["kernel", "selftests"],
            "advice": {"checkpatch": ["WARNING:LONG_LINE: line too long"], "missing": ["Max <max@example.org>"]},
        },
    )
    for position, values in enumerate(trials, start=1):
        defaults = {"errors": [], "warnings": [], "advice": {}, "finished_at": NOW, "attempt": run.newest_attempt}
        session.add(PatchTrial(run_id=run.id, position=position, **(defaults | values)))
    session.commit()
