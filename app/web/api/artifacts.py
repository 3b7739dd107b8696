"""Files that runs left: packed as they lie in the store, by range (RFC 9110, 14), or plain.

They are made by hostile code: whatever is in them, they are sent as attachments of a type that no browser shows. The
path in the store comes from the hash alone.
"""

import os
import re
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, BinaryIO

import zstandard
from fastapi import APIRouter, Header, HTTPException
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from app.config import Settings
from app.db.models import Artifact, Run
from app.db.queries import artifacts as queries
from app.domain.artifact import PACKED, ArtifactKind, ArtifactState, blob_name
from app.errors import InfrastructureError, NotFoundError
from app.web.api.logs import parse_range, refuse_empty
from app.web.api.schemas import Shape
from app.web.api.shapes import found
from app.web.downloads import Download, downloads
from app.web.parameters import Config, Id, Name, Read

router = APIRouter(tags=["artifacts"])
BLOCK = 1024 * 1024
_NEVER = re.compile(r"\s*q=0(?:\.0*)?\s*")


class ArtifactShape(Shape):
    """A file of a run; `url` is null where it is not to be had, and `why` says why, or why it is not kept yet."""

    name: ArtifactKind
    what: str = Field(examples=["the kernel that was booted"])
    state: ArtifactState
    url: str | None = Field(examples=["/api/v1/runs/12/artifacts/bzImage"])
    packed_url: str | None = Field(examples=["/api/v1/runs/12/artifacts/bzImage.zst"])
    size: int | None = Field(description="bytes of the plain file", examples=[5_989_376])
    packed_size: int | None = Field(description="bytes of the packed file (Zstandard)", examples=[5_912_040])
    sha256: str | None = Field(description="of the plain file")
    stored_at: datetime | None
    kept_at_least_until: datetime | None = Field(description="unless room is needed; what failed is kept longer")
    gone_at: datetime | None
    why: str | None = Field(examples=["room was needed: the store may hold 20.0 GB"])


class Asked(BaseModel):
    """Headers of a request for a file."""

    range: str | None = Field(default=None, examples=["bytes=0-999"])
    if_range: str | None = Field(default=None, description="the ETag of what is gone on with")
    accept_encoding: str = ""


@router.get("/runs/{run_id}/artifacts")
def list_artifacts(run_id: Id, session: Read, settings: Config) -> list[ArtifactShape]:
    """List what a run left to download, what is gone included."""
    found(session.get(Run, run_id), "run", run_id)
    return [_shape(one) for one in downloads(queries.list_artifacts(session, run_id), settings.artifacts)]


def _shape(one: Download) -> ArtifactShape:
    row = one.artifact
    return ArtifactShape(
        name=row.kind,
        what=one.what,
        state=row.state,
        url=one.url or None,
        packed_url=one.packed_url or None,
        size=row.size,
        packed_size=row.packed_size,
        sha256=row.sha256,
        stored_at=row.stored_at,
        kept_at_least_until=one.kept_at_least_until,
        gone_at=row.gone_at,
        why=row.why,
    )


@router.get(
    "/runs/{run_id}/artifacts/{name}",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}, "application/zstd": {}}},
        206: {"description": "The range asked for, of a packed file"},
        410: {"description": "It is gone; the answer says when and why"},
        416: {"description": "The file is shorter than that"},
    },
)
def get_artifact(
    run_id: Id, name: Name, session: Read, settings: Config, asked: Annotated[Asked, Header()]
) -> Response:
    """Return a file: `NAME` plain, `NAME.zst` packed. Ranges (to go on after a break) are of the packed file.

    Who accepts the content coding `zstd` gets the plain file in that, which takes no unpacking here.
    """
    kind = _kind(name)
    artifact = _artifact(queries.get_artifact(session, run_id, kind) if kind else None, run_id, name)
    blob = _open(settings, artifact)
    headers = {
        "Content-Disposition": f'attachment; filename="run-{run_id}-{name}"',
        "Vary": "Accept-Encoding",
        "Cache-Control": "private, max-age=3600",
    }
    if name.endswith(PACKED):
        return _packed(blob, artifact, asked, headers)
    if _takes_zstd(asked.accept_encoding):
        headers |= {"Content-Encoding": "zstd", "Content-Length": str(artifact.packed_size)}
        return StreamingResponse(_blocks(blob), headers=headers, media_type="application/octet-stream")
    headers["Content-Length"] = str(artifact.size)
    return StreamingResponse(_plain(blob), headers=headers, media_type="application/octet-stream")


def _takes_zstd(encodings: str) -> bool:
    """Tell whether an Accept-Encoding names zstd, and not with the weight 0, which forbids it (RFC 9110, 12.5.3)."""
    weights = {name.strip().lower(): rest for name, _, rest in (each.partition(";") for each in encodings.split(","))}
    return "zstd" in weights and not _NEVER.fullmatch(weights["zstd"])


def _kind(name: str) -> ArtifactKind | None:
    plain = name.removesuffix(PACKED)
    return ArtifactKind(plain) if plain in set(ArtifactKind) else None


def _artifact(artifact: Artifact | None, run_id: int, name: str) -> Artifact:
    """Return what is to be had; says of the rest why it is not."""
    if artifact is None:
        raise NotFoundError(f"run {run_id} left no {name!r} to download")
    if artifact.state is ArtifactState.GONE:
        when = artifact.gone_at.strftime("%Y-%m-%d %H:%M UTC") if artifact.gone_at else "some time ago"
        raise HTTPException(HTTPStatus.GONE, f"{name} of run {run_id} is gone since {when}: {artifact.why}")
    if artifact.state is ArtifactState.WAITING:
        raise NotFoundError(
            f"{name} of run {run_id} is not in the store yet{f': {artifact.why}' if artifact.why else ''}"
        )
    return artifact


def _open(settings: Settings, artifact: Artifact) -> BinaryIO:
    place = settings.artifacts_dir / blob_name(artifact.sha256 or "")
    try:
        return place.open("rb")
    except OSError as error:
        raise InfrastructureError(
            f"the store does not hold {artifact.kind} of run {artifact.run_id} where this web application looks for it"
            f" ({error.strerror}); the web application and all workers need the same [artifacts] folder"
        ) from error


def _packed(blob: BinaryIO, artifact: Artifact, asked: Asked, headers: dict[str, str]) -> Response:
    size = os.fstat(blob.fileno()).st_size
    tag = f'"{artifact.sha256}"'
    headers |= {"Accept-Ranges": "bytes", "ETag": tag}
    # Whoever goes on with another file than this one gets it from its beginning (RFC 9110, 13.1.5).
    span = parse_range(asked.range, size) if asked.if_range in {None, tag} else None
    status = HTTPStatus.OK if span is None else HTTPStatus.PARTIAL_CONTENT
    start, stop = span or (0, size)
    if span is not None:
        if start >= stop:
            blob.close()
        refuse_empty(span, size)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    blob.seek(start)
    return StreamingResponse(_blocks(blob, stop - start), status, headers=headers, media_type="application/zstd")


def _blocks(blob: BinaryIO, left: int | None = None) -> Iterator[bytes]:
    with blob:
        while block := blob.read(BLOCK if left is None else min(BLOCK, left)):
            left = None if left is None else left - len(block)
            yield block


def _plain(blob: BinaryIO) -> Iterator[bytes]:
    with blob, zstandard.ZstdDecompressor().stream_reader(blob) as reader:
        while block := reader.read(BLOCK):
            yield block
