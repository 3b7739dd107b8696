"""The tables, a module a noun."""

from app.db.models.access import Token, Worker
from app.db.models.artifact import Artifact
from app.db.models.attestation import Attestation
from app.db.models.base import Base
from app.db.models.decision import Decision, FormerPlace
from app.db.models.difference import RangeDiff
from app.db.models.ignore import Ignore
from app.db.models.mail import Inbox, Message, MessageKind, StrayKey, Thread, ThreadState
from app.db.models.patches import CheckState, PatchCheck, PatchTrial
from app.db.models.program import ProgramCosts
from app.db.models.report import Report, ReportState
from app.db.models.review import Mark, MarkSays
from app.db.models.run import (
    Attempt,
    AttemptKind,
    Change,
    LogChunk,
    Result,
    Run,
    RunState,
    Step,
    Test,
)
from app.db.models.series import Comment, Patch, Revision, RevisionKey, Series

__all__ = [
    "Artifact",
    "Attempt",
    "AttemptKind",
    "Attestation",
    "Base",
    "Change",
    "CheckState",
    "Comment",
    "Decision",
    "FormerPlace",
    "Ignore",
    "Inbox",
    "LogChunk",
    "Mark",
    "MarkSays",
    "Message",
    "MessageKind",
    "Patch",
    "PatchCheck",
    "PatchTrial",
    "ProgramCosts",
    "RangeDiff",
    "Report",
    "ReportState",
    "Result",
    "Revision",
    "RevisionKey",
    "Run",
    "RunState",
    "Series",
    "Step",
    "StrayKey",
    "Test",
    "Thread",
    "ThreadState",
    "Token",
    "Worker",
]
