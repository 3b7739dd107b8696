"""The shapes of the API. Times are RFC 3339 in UTC; Message-IDs are without brackets."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AliasPath, BaseModel, ConfigDict, Field

from app.db.models import AttemptKind, MessageKind, ReportState, RunState, ThreadState
from app.domain.attestation import Check, Scheme
from app.domain.outcome import ChangeClass, Outcome, Verdict
from app.domain.outcome import Step as StepName

T = TypeVar("T")
MessageId = Annotated[str, Field(examples=["20260414-frob-v4-0-1c2d@example.org"])]
Commit = Annotated[str, Field(examples=["1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"])]
TestName = Annotated[str, Field(examples=["bpf_iter/bpf_percpu_array_map"])]


class Shape(BaseModel):
    """Read from rows by attribute."""

    model_config = ConfigDict(from_attributes=True)


class ProblemError(BaseModel):
    """One thing that is wrong in a request; `parameter` for path and query, `pointer` (RFC 6901) into the body."""

    model_config = ConfigDict(populate_by_name=True)

    where: str = Field(alias="in", examples=["query"])
    parameter: str | None = Field(default=None, examples=["page"])
    pointer: str | None = Field(default=None, examples=["/times"])
    detail: str = Field(examples=["Input should be greater than or equal to 1"])


class Problem(BaseModel):
    """A problem document (RFC 9457), served as application/problem+json."""

    type: str = "about:blank"
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no run 812"])
    instance: str | None = Field(default=None, examples=["/api/v1/runs/812"])
    errors: list[ProblemError] | None = None


class Listing(BaseModel, Generic[T]):
    """One page of a list; `next` is the address of the following page, if there is one."""

    items: list[T]
    total: int = Field(examples=[128])
    page: int = Field(examples=[1])
    limit: int = Field(examples=[50])
    next: str | None = Field(default=None, examples=["/api/v1/series?page=2&limit=50"])


class Person(BaseModel):
    """A name and an address, as a mail gives them."""

    name: str = Field(examples=["Ann Author"])
    email: str = Field(examples=["ann@example.org"])


class TrackRequest(BaseModel):
    """What to track: a Message-ID, bare or in brackets, or the address of the mail on the archive."""

    model_config = ConfigDict(extra="forbid")

    reference: str = Field(
        min_length=3, max_length=2000, examples=["https://lore.kernel.org/bpf/20260414-frob-v4-0-1c2d@example.org/"]
    )


class ThreadShape(Shape):
    """A thread that somebody asked to track, and how far the fetching is; `error` says why it failed."""

    id: int = Field(examples=[7])
    message_id: MessageId
    state: ThreadState
    error: str | None = Field(examples=["the archive has no mail with this Message-ID"])
    requested_by: str = Field(examples=["ann's laptop"])
    created_at: datetime
    fetched_at: datetime | None


class RevisionLine(BaseModel):
    """A revision in short; `verdict` and `run_id` are those of the run that counts."""

    id: int = Field(examples=[31])
    label: str = Field(examples=["v4"])
    version: int = Field(examples=[4])
    rfc: bool
    posted_at: datetime | None
    patches: int = Field(examples=[8])
    verdict: Verdict | None
    run_id: int | None = Field(examples=[812])
    url: str = Field(examples=["/series/12?revision=v4"])


class SeriesShape(BaseModel):
    """The work across its postings."""

    id: int = Field(examples=[12])
    title: str = Field(examples=["bpf: Introduce frobbed data"])
    author: Person
    tags: list[str] = Field(examples=[["bpf-next"]])
    change_id: str | None
    first_posted: datetime | None
    last_posted: datetime | None
    revisions: list[RevisionLine]


class PatchLine(BaseModel):
    """A patch in short; `inherited_from` names the revision that it was taken over from."""

    id: int = Field(examples=[204])
    revision_id: int = Field(examples=[31])
    position: int = Field(examples=[3])
    title: str = Field(examples=["libbpf: Place frobbed data in its own section"])
    message_id: MessageId
    files: list[str] = Field(examples=[["tools/lib/bpf/libbpf.c"]])
    additions: int = Field(examples=[14])
    deletions: int = Field(examples=[2])
    inherited_from: str | None


class PatchShape(PatchLine):
    """A patch with its diff."""

    diff: str


class RevisionShape(BaseModel):
    """One posting."""

    id: int = Field(examples=[31])
    series_id: int = Field(examples=[12])
    label: str = Field(examples=["v4"])
    version: int
    rfc: bool
    resend: bool
    tags: list[str]
    title: str
    author: Person
    posted_at: datetime | None
    root_id: MessageId
    cover: str | None = Field(description="Message-ID of the cover letter")
    total: int = Field(description="patches announced", examples=[8])
    missing: list[int] = Field(description="positions announced but never seen", examples=[[]])
    base_commit: str | None
    change_id: str | None
    prerequisites: list[str]
    link_to: str | None = Field(description="the revision before, by its label", examples=["v3"])
    link_reason: str | None = Field(examples=["change-id"])
    link_strength: int | None = Field(description="of the reason, from 1, likeness, to 6, a person", examples=[5])
    supersedes: list[str] = Field(description="Message-IDs that the posting says it replaces", examples=[[]])
    verdict: Verdict | None
    run_id: int | None
    patches: list[PatchLine]


class CommentShape(BaseModel):
    """A reply by a person or a bot; without a `patch_id` it is about the cover letter."""

    id: int = Field(examples=[77])
    revision_id: int
    patch_id: int | None
    message_id: MessageId
    author: Person
    sent_at: datetime | None
    subject: str
    body: str
    bot: str | None
    trailers: list[str] = Field(examples=[["Acked-by: Rita Reviewer <rita@example.org>"]])
    anchors: list[Any] = Field(description="where it stands: path, line, the quoted line, what is said there")
    bot_report: dict[str, Any] | None = Field(
        description="what a bot says in fields",
        examples=[{"bot": "bpf-ci", "status": "failed", "jobs": ["veristat"], "severity": None, "commit": None}],
    )


class SignatureShape(Shape):
    """A signature of a mail, as it was checked: `DKIM` by a domain, `patatt` by a developer."""

    scheme: Scheme
    signer: str = Field(description="a domain or an address", examples=["example.org"])
    result: Check
    by_author: bool = Field(description="whether the signer is whom the From header names")
    reason: str = Field(examples=["the body was altered after it was signed, as by a list that adds a footer"])


class MessageLine(BaseModel):
    """A mail without its text; `signatures` is null until they have been checked."""

    id: int = Field(examples=[1204])
    message_id: MessageId
    thread_id: int | None = Field(examples=[7])
    kind: MessageKind
    reason: str | None = Field(description="why it is no more than that", examples=["asks to pull from a repository"])
    subject: str = Field(examples=["[PATCH bpf-next v4 3/8] libbpf: Place frobbed data in its own section"])
    author: Person
    sent_at: datetime | None
    in_reply_to: str | None
    signatures: list[SignatureShape] | None


class MessageShape(MessageLine):
    """A mail with its text."""

    body: str


class AttemptShape(Shape):
    """One try at a run by one worker."""

    number: int = Field(examples=[1])
    kind: AttemptKind
    worker: str
    started_at: datetime
    finished_at: datetime | None
    ending: str | None


class StepShape(Shape):
    """One step of an attempt; without an outcome it is still running."""

    id: int = Field(examples=[4711])
    run_id: int = Field(examples=[812])
    attempt: int
    name: StepName
    outcome: Outcome | None
    summary: str | None = Field(examples=["built in 38 s"])
    detail: dict[str, Any]
    started_at: datetime
    finished_at: datetime | None


class RunLine(Shape):
    """A run; without a revision it is a baseline."""

    id: int = Field(examples=[812])
    revision_id: int | None
    baseline_id: int | None
    tree: str = Field(examples=["bpf-next"])
    base_commit: Commit
    base_reason: str = Field(examples=["the cover letter's base-commit line"])
    profile: str = Field(examples=["bpf-quick"])
    only: list[str] | None = Field(description="the tests asked for alone; null for the whole selection")
    state: RunState
    verdict: Verdict | None
    sentence: str | None
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class PrerequisiteShape(Shape):
    """What a series needs applied first, and what became of it; `words` says that in short."""

    named: str = Field(description="how the series names it", examples=["change-id 20260414-frob-1c2d:v2"])
    called: str = Field(examples=["“bpf: Introduce frobbed data” v2"])
    root_id: str = Field(description="Message-ID of its cover letter or first patch; empty if it is not at hand")
    patches: int = Field(examples=[3])
    applied: int = Field(examples=[2])
    present: int = Field(description="patches that the tree has already", examples=[1])
    problem: str = Field(description="why it is not in what is tested; empty if it is", examples=["is not at hand"])
    words: str = Field(examples=["2 patches, and 1 in the tree already"])


class FirstVerdictShape(BaseModel):
    """What the tests that come first said while the others still ran: nothing has been confirmed by then."""

    sentence: str
    at: datetime
    seconds: float = Field(description="after the run's start", examples=[61.5])


class RunShape(RunLine):
    """A run with what it did; `applied_first` is what its series needs, and in its baseline as well."""

    first_verdict: FirstVerdictShape | None = Field(
        default=None,
        validation_alias=AliasPath("evidence", "first_verdict"),
        description="null where no test comes after the first ones, or before they are through",
    )
    applied_first: list[PrerequisiteShape]
    profile_settings: dict[str, Any] = Field(
        default_factory=dict,
        validation_alias=AliasPath("evidence", "profile"),
        description="the profile as it was when the run was executed, with all that it inherits; empty before",
    )
    toolchain: dict[str, Any]
    attempts: list[AttemptShape]
    steps: list[StepShape]


class RerunRequest(BaseModel):
    """How to run a revision again; a field that is not known is refused, so that a slip does not run everything."""

    model_config = ConfigDict(extra="forbid")

    only_failed: bool = Field(default=False, description="only the tests that failed in the newest finished run")
    profile: str | None = Field(default=None, max_length=100, pattern=r"^[A-Za-z0-9._-]+$", examples=["bpf-quick"])
    times: int = Field(default=1, ge=1, le=10)


class ResultShape(BaseModel):
    """One test's outcome in one boot; 0 is the run's own, 1.. are confirming ones, `on_base` of the unpatched tree."""

    run_id: int
    test_id: int
    suite: str = Field(examples=["test_progs"])
    name: TestName
    ordinal: int = Field(examples=[0])
    outcome: Outcome
    message: str | None
    detail: str | None
    aggregate: bool = Field(description="the outcome only sums up subtests")
    duration_s: float | None
    attempt: int
    boot: int
    on_base: bool


class ChangeShape(BaseModel):
    """What a test did between the base and the patched tree."""

    run_id: int
    test_id: int
    suite: str = Field(examples=["test_progs"])
    name: TestName
    ordinal: int
    kind: ChangeClass = Field(serialization_alias="class")
    base: Outcome | None
    patched: Outcome | None
    reason: str | None


class LogLineShape(Shape):
    """A log of a step; `size` is bytes of its plain text."""

    step_id: int
    name: str = Field(examples=["console"])
    size: int = Field(examples=[48213])


class ReportShape(Shape):
    """What was, will be or would be mailed to the thread."""

    id: int = Field(examples=[5])
    revision_id: int
    run_id: int
    verdict: Verdict
    state: ReportState
    message_id: MessageId
    in_reply_to: MessageId
    references: list[str]
    sender: str
    recipients: list[str]
    subject: str
    body: str
    tries: int
    error: str | None
    created_at: datetime
    sent_at: datetime | None
