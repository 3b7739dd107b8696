"""The tables, a module a noun."""

from app.db.models.access import Token, Worker
from app.db.models.base import Base
from app.db.models.mail import Message, MessageKind, Thread, ThreadState
from app.db.models.report import Report, ReportState
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
from app.db.models.series import Comment, Patch, Revision, Series

__all__ = [
    "Attempt",
    "AttemptKind",
    "Base",
    "Change",
    "Comment",
    "LogChunk",
    "Message",
    "MessageKind",
    "Patch",
    "Report",
    "ReportState",
    "Result",
    "Revision",
    "Run",
    "RunState",
    "Series",
    "Step",
    "Test",
    "Thread",
    "ThreadState",
    "Token",
    "Worker",
]
