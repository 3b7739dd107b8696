"""The words and tones that pages use for verdicts, outcomes and states."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.db.models import ReportState, Run, RunState, ThreadState
from app.db.queries.runs import RevisionRuns
from app.domain.outcome import ChangeClass, Outcome, Verdict
from app.web.evidence import stopped_at


class Tone(StrEnum):
    """How a chip is coloured; the word says the same."""

    GOOD = "pass"
    BAD = "fail"
    WARN = "warn"
    QUIET = "skip"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A few words with a tone."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence: `head` in bold, after which a page may put the base, and the rest."""

    head: str
    rest: str
    tone: Tone


VERDICT_TONES = {
    Verdict.CLEAN: Tone.GOOD,
    Verdict.REGRESSED: Tone.BAD,
    Verdict.DOES_NOT_APPLY: Tone.BAD,
    Verdict.DOES_NOT_BUILD: Tone.BAD,
    Verdict.DOES_NOT_BOOT: Tone.BAD,
    Verdict.INCONCLUSIVE: Tone.WARN,
}
OUTCOMES = {
    Outcome.PASS: Chip(text="pass", tone=Tone.GOOD),
    Outcome.FAIL: Chip(text="FAIL", tone=Tone.BAD),
    Outcome.ERROR: Chip(text="ERROR", tone=Tone.BAD),
    Outcome.SKIP: Chip(text="skip", tone=Tone.QUIET),
    Outcome.MISS: Chip(text="our trouble", tone=Tone.WARN),
}
CLASSES = {
    ChangeClass.REGRESSION: Tone.BAD,
    ChangeClass.NEW_FAILURE: Tone.BAD,
    ChangeClass.DISAPPEARED: Tone.BAD,
    ChangeClass.FLAKY: Tone.WARN,
    ChangeClass.PRE_EXISTING: Tone.QUIET,
    ChangeClass.FIXED: Tone.GOOD,
    ChangeClass.NEW_PASS: Tone.NEW,
    ChangeClass.NOT_RUN: Tone.QUIET,
    ChangeClass.IGNORED: Tone.WARN,
    ChangeClass.UNCHANGED: Tone.QUIET,
}
PLURALS = {
    ChangeClass.REGRESSION: ("regression", "regressions"),
    ChangeClass.NEW_FAILURE: ("new failure", "new failures"),
    ChangeClass.DISAPPEARED: ("test gone", "tests gone"),
    ChangeClass.FLAKY: ("flaky", "flaky"),
    ChangeClass.NEW_PASS: ("new pass", "new passes"),
}
STATES = {
    RunState.QUEUED: Chip(text="queued", tone=Tone.QUIET),
    RunState.RUNNING: Chip(text="running", tone=Tone.NEW),
    RunState.WAITING: Chip(text="waits to be judged", tone=Tone.NEW),
    RunState.DONE: Chip(text="done", tone=Tone.QUIET),
}
THREADS = {
    ThreadState.QUEUED: Chip(text="queued", tone=Tone.QUIET),
    ThreadState.FETCHING: Chip(text="fetching", tone=Tone.NEW),
    ThreadState.FETCHED: Chip(text="fetched", tone=Tone.GOOD),
    ThreadState.FAILED: Chip(text="failed", tone=Tone.BAD),
}
REPORTS = {
    ReportState.PREVIEW: Chip(text="preview, not sent", tone=Tone.QUIET),
    ReportState.QUEUED: Chip(text="to be sent", tone=Tone.NEW),
    ReportState.SENDING: Chip(text="being sent", tone=Tone.NEW),
    ReportState.SENT: Chip(text="sent", tone=Tone.GOOD),
    ReportState.FAILED: Chip(text="not sent", tone=Tone.WARN),
}
RUNNING = Chip(text="running", tone=Tone.NEW)
_HEAD = re.compile(r"(.{3,120}?)(?=[.:,](?:\s|$))", re.DOTALL)
NOT_TESTED = Chip(text="not tested", tone=Tone.QUIET)


def split_sentence(sentence: str, tone: Tone) -> Statement:
    """Split what the judge said after its first clause: "v3 regresses 1 test", ": bpf_iter/x. ..."."""
    match = _HEAD.match(sentence)
    head = match[1] if match else sentence
    return Statement(head=head, rest=sentence[len(head) :], tone=tone)


def outcome_chip(outcome: Outcome | None) -> Chip:
    """How a test or a step ended; None means that it has not."""
    return OUTCOMES[outcome] if outcome else RUNNING


def class_chip(kind: ChangeClass) -> Chip:
    """What a test did between base and patched tree."""
    return Chip(text=str(kind), tone=CLASSES[kind])


def broken_base(run: Run) -> Statement | None:
    """What a baseline says that came to no tests: the base itself is broken; None for any other run."""
    if run.revision_id is not None or run.state is not RunState.DONE or run.results_attempt is None:
        return None
    verbs = {"applied": "what the series needs does not apply to it", "built": "it does not build"}
    verbs["booted"] = "it does not boot"
    what = next((words for key, words in verbs.items() if run.told.get(key) is False), None)
    if what is None:
        return None
    return Statement(
        head="The base is broken", rest=f": {what}. No series is blamed for what it does not do there.", tone=Tone.WARN
    )


def run_chips(run: Run, counts: Mapping[ChangeClass, int], *, patches: int | None = None) -> list[Chip]:
    """What a run says, in at most three chips; `patches` is how many the revision has."""
    if run.verdict is None:
        if run.state is RunState.DONE:  # a baseline; a sentence says why it is of no use
            if run.sentence:
                return [Chip(text="of no use", tone=Tone.WARN)]
            return [Chip(text="broken", tone=Tone.WARN) if broken_base(run) else Chip(text="measured", tone=Tone.GOOD)]
        return [STATES[run.state]]
    flaky = [*_counted(counts, ChangeClass.FLAKY), *_counted(counts, ChangeClass.IGNORED)]
    if run.verdict is Verdict.REGRESSED:
        blamed = [*_counted(counts, ChangeClass.REGRESSION), *_counted(counts, ChangeClass.NEW_FAILURE)]
        return [*(blamed or [Chip(text="regressed", tone=Tone.BAD)]), *flaky][:3]
    text = str(run.verdict)
    position = stopped_at(run.told)
    if position is not None and patches:
        text += f" · {position}/{patches}"
    return [Chip(text=text, tone=VERDICT_TONES[run.verdict]), *_counted(counts, ChangeClass.DISAPPEARED), *flaky]


def revision_chips(runs: RevisionRuns, counts: Mapping[int, Mapping[ChangeClass, int]], patches: int) -> list[Chip]:
    """What is said of a revision."""
    shown = runs.shown
    if shown is None:
        return [NOT_TESTED]
    chips = run_chips(shown, counts.get(shown.id, {}), patches=patches)
    if runs.active is not None and runs.active is not shown:
        chips.append(Chip(text="running again", tone=Tone.NEW))
    return chips


def _counted(counts: Mapping[ChangeClass, int], kind: ChangeClass) -> list[Chip]:
    number = counts.get(kind, 0)
    if not number:
        return []
    return [Chip(text=counted_class(kind, number), tone=CLASSES[kind])]


def counted_class(kind: ChangeClass, number: int) -> str:
    """A count with its class: `1 regression`, `2 new passes`, `3 not run`."""
    one, many = PLURALS.get(kind, (str(kind), str(kind)))
    return f"{number:,} {one if number == 1 else many}"
