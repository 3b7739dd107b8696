"""Mails, and whose signatures they carry."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.db.models import Message
from app.db.queries import messages as queries
from app.db.queries.attestations import signatures_of
from app.db.queries.threads import get_message
from app.domain.attestation import Signature
from app.domain.message_id import parse_reference
from app.web.api.schemas import Listing, MessageLine, MessageShape, Person, SignatureShape
from app.web.api.shapes import found, listing
from app.web.parameters import Id, IdQuery, Paged, Read, Words

router = APIRouter(tags=["messages"])


@router.get("/messages")
def list_messages(
    request: Request,
    session: Read,
    window: Paged,
    thread_id: IdQuery = None,
    message_id: Annotated[Words, Query(description="a Message-ID or the address of a mail on the archive")] = "",
) -> Listing[MessageLine]:
    """List mails without their text, the oldest first: of a thread, or the one with a Message-ID."""
    wanted = parse_reference(message_id) if message_id else None
    page = queries.list_messages(session, window, thread_id=thread_id, message_id=wanted)
    signatures = signatures_of(session, [one.id for one in page.items])
    return listing(request, page, lambda one: _line(one, signatures.get(one.id)))


@router.get("/messages/{message_pk}")
def get_mail(message_pk: Id, session: Read) -> MessageShape:
    """Return one mail; its source is at /messages/{id}/raw."""
    message = found(get_message(session, message_pk), "mail", message_pk)
    line = _line(message, signatures_of(session, [message.id]).get(message.id))
    return MessageShape(**dict(line), body=message.body)


def _line(message: Message, signatures: Sequence[Signature] | None) -> MessageLine:
    return MessageLine(
        id=message.id,
        message_id=message.message_id,
        thread_id=message.thread_id,
        kind=message.kind,
        reason=message.reason,
        subject=message.subject,
        author=Person(name=message.author_name, email=message.author_email),
        sent_at=message.sent_at,
        in_reply_to=message.in_reply_to,
        signatures=None if signatures is None else [SignatureShape.model_validate(one) for one in signatures],
    )
