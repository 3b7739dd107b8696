"""What the parser sees, as the document that `reroll inspect thread --json` prints."""

from typing import Any

from app.domain.series import Conversation, Patch, Revision, Series


def thread_document(conversation: Conversation) -> dict[str, Any]:
    """A conversation as plain values. Each Message-ID is in it once: as cover, own patch, comment or other."""
    return {
        "messages": len(conversation.messages),
        "series": [_series(each) for each in conversation.series],
        "other": [
            {"message_id": each.message.message_id, "kind": str(each.kind), "reason": each.reason}
            for each in conversation.other
        ],
    }


def _series(series: Series) -> dict[str, Any]:
    return {"title": series.title, "revisions": [_revision(each) for each in series.revisions]}


def _revision(revision: Revision) -> dict[str, Any]:
    return {
        "version": revision.version,
        "label": revision.label,
        "rfc": revision.rfc,
        "resend": revision.resend,
        "tags": list(revision.tags),
        "author": {"name": revision.author.name, "email": revision.author.email},
        "cover": revision.cover.message_id if revision.cover else None,
        "total": revision.total,
        "patches": [_patch(each) for each in revision.patches],
        "missing": list(revision.missing),
        "base_commit": revision.base_commit,
        "change_id": revision.change_id,
        "prerequisites": [{"kind": str(each.kind), "value": each.value} for each in revision.prerequisites],
        "link": {"to": revision.link.to, "reason": revision.link.reason} if revision.link else None,
        "comments": [each.message.message_id for each in revision.comments],
    }


def _patch(patch: Patch) -> dict[str, Any]:
    return {
        "position": patch.position,
        "message_id": patch.message.message_id,
        "title": patch.title,
        "inherited_from": patch.inherited_from,
    }
