"""Threads: asking to track one, and how far it is."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.db.models import Thread, ThreadState
from app.db.queries import threads as queries
from app.services.tracking import track
from app.web.api.schemas import Listing, Problem, ThreadShape, TrackRequest
from app.web.api.shapes import found, listing
from app.web.parameters import Id, Paged, Read, Write
from app.web.security import Bearer

router = APIRouter(tags=["threads"])


@router.post("/threads", status_code=202, responses={401: {"model": Problem, "description": "No good bearer token"}})
def track_thread(wanted: TrackRequest, session: Write, token: Bearer, response: Response) -> ThreadShape:
    """Track the thread of a Message-ID or of an archive's address.

    It is fetched, its series and their revisions are found, and every revision that was not run yet is run. The same
    thread again only adds what is new.
    """
    thread = track(session, wanted.reference, requested_by=token.name)
    session.refresh(thread)
    response.headers["Location"] = f"/api/v1/threads/{thread.id}"
    return ThreadShape.model_validate(thread)


@router.get("/threads")
def list_threads(
    request: Request, session: Read, window: Paged, state: Annotated[ThreadState | None, Query()] = None
) -> Listing[ThreadShape]:
    """List the threads asked for, the newest first."""
    return listing(request, queries.list_threads(session, window, state=state), ThreadShape.model_validate)


@router.get("/threads/{thread_id}")
def get_thread(thread_id: Id, session: Read) -> ThreadShape:
    """Tell how far a thread is; where it failed, `error` says why."""
    thread: Thread = found(queries.get_thread(session, thread_id), "thread", thread_id)
    return ThreadShape.model_validate(thread)
