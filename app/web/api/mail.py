"""Patches, comments and reports."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.db.models import ReportState
from app.db.queries import patches as queries
from app.db.queries import reports as report_queries
from app.web.api.schemas import CommentShape, Listing, PatchLine, PatchShape, ReportShape
from app.web.api.shapes import comment_shape, found, listing, patch_line, patch_shape
from app.web.parameters import Id, IdQuery, Paged, Read

router = APIRouter()


@router.get("/patches", tags=["patches"])
def list_patches(request: Request, session: Read, window: Paged, revision_id: IdQuery = None) -> Listing[PatchLine]:
    """List patches without their diffs, of one revision or of all."""
    return listing(request, queries.list_patches(session, window, revision_id=revision_id), patch_line)


@router.get("/patches/{patch_id}", tags=["patches"])
def get_patch(patch_id: Id, session: Read) -> PatchShape:
    """Return one patch with its diff."""
    return patch_shape(found(queries.get_patch(session, patch_id), "patch", patch_id))


@router.get("/comments", tags=["comments"])
def list_comments(
    request: Request, session: Read, window: Paged, revision_id: IdQuery = None, patch_id: IdQuery = None
) -> Listing[CommentShape]:
    """List comments, the oldest first."""
    page = queries.list_comments(session, window, revision_id=revision_id, patch_id=patch_id)
    return listing(request, page, comment_shape)


@router.get("/comments/{comment_id}", tags=["comments"])
def get_comment(comment_id: Id, session: Read) -> CommentShape:
    """Return one comment."""
    return comment_shape(found(queries.get_comment(session, comment_id), "comment", comment_id))


@router.get("/reports", tags=["reports"])
def list_reports(
    request: Request,
    session: Read,
    window: Paged,
    revision_id: IdQuery = None,
    state: Annotated[ReportState | None, Query()] = None,
) -> Listing[ReportShape]:
    """List reports, the newest first."""
    page = report_queries.list_reports(session, window, revision_id=revision_id, state=state)
    return listing(request, page, ReportShape.model_validate)


@router.get("/reports/{report_id}", tags=["reports"])
def get_report(report_id: Id, session: Read) -> ReportShape:
    """Return one report as it was, will be or would be mailed."""
    return ReportShape.model_validate(found(report_queries.get_report(session, report_id), "report", report_id))
