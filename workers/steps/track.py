"""track: a thread fetched and stored, with runs for every revision that can be run and has not been."""

from collections.abc import Mapping
from dataclasses import replace

from app.config import Settings
from app.db.models import Thread, ThreadState
from app.domain.message import parse_message, split_mbox
from app.domain.series import Conversation, Revision, parse_threads
from app.errors import InfrastructureError, RerollError, SubmissionError
from app.services import attestation, tracking
from app.services.ingest import ingest
from app.services.rows import root_id
from app.services.runs import BaseChoice, route
from workers.context import Context
from workers.steps.fetch import fetch_conversation
from workers.steps.prerequisites import fetch_prerequisites


async def track(context: Context, thread_id: int, *, last_try: bool) -> None:
    """Fetch the thread and the other revisions of its series; store all of it in one transaction, or nothing.

    What is wrong with the thread is kept with it, for the page and the API. Trouble of ours is raised, to be tried
    again; after the last try it is kept as well.

    Raises:
        InfrastructureError: the archive or the tree cannot be had now.
    """
    with context.sessions.begin() as session:
        thread = session.get_one(Thread, thread_id)
        thread.state, thread.error = ThreadState.FETCHING, None
        message_id = thread.message_id
    try:
        fetched = await fetch_conversation(context.archive, message_id)
        raws = [raw for mbox in fetched.threads for raw in split_mbox(mbox)]
        conversation = parse_threads(map(parse_message, raws))
        needed = await fetch_prerequisites(context.archive, conversation)
        bases, notes = await _bases(context, conversation, needed.not_fetched)
    except RerollError as error:
        again = isinstance(error, InfrastructureError) and not last_try
        with context.sessions.begin() as session:
            thread = session.get_one(Thread, thread_id)
            thread.state = ThreadState.QUEUED if again else ThreadState.FAILED
            thread.error = f"{error}; it is tried again" if again else str(error)
        if again:
            raise
        return
    with context.sessions.begin() as session:
        for one in needed.threads:
            along = tracking.fetched_along(session, one.message_id, needed_by=one.needed_by)
            ingest(session, one.raws, thread_id=along)
            attestation.ask(session, along)
        series = ingest(session, raws, thread_id=thread_id)
        attestation.ask(session, thread_id)
        tracking.add_missing_runs(session, context.settings, series, bases)
        tracking.fetched(session, thread_id, notes=[*fetched.notes, *notes])


async def _bases(
    context: Context, conversation: Conversation, not_fetched: Mapping[str, str]
) -> tuple[dict[str, BaseChoice], list[str]]:
    """Choose tree and base commit for every complete revision, by the Message-ID that stands for it."""
    bases: dict[str, BaseChoice] = {}
    notes: list[str] = []
    for series in conversation.series:
        for revision in series.revisions:
            try:
                choice = await _base(context, context.settings, revision)
            except SubmissionError as error:
                notes.append(f"{revision.label} is not run: {error}")
            else:
                bases[root_id(revision)] = replace(choice, not_fetched=not_fetched)
    return bases, list(dict.fromkeys(notes))


async def _base(context: Context, settings: Settings, revision: Revision) -> BaseChoice:
    if revision.missing or not revision.patches:
        shown = ", ".join(map(str, revision.missing)) or "all"
        raise SubmissionError(f"patches are missing: {shown} of {revision.total}")
    tree = route(settings, revision.tags)
    base = await context.trees.resolve(tree, revision.base_commit)
    return BaseChoice(tree=tree.name, commit=base.commit, reason=base.reason)
