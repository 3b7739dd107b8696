"""What runs left to download, and where that is."""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, BigInt, Created, When, words
from app.domain.artifact import ArtifactKind, ArtifactState


class Artifact(Base):
    """One file of the attempt whose results count. While it waits it lies in the cache of the worker that built it.

    `image_key` is that of its image. In the store it lies by the hash of its content, so that runs with the same
    share it: `sha256` and `size` are of the plain content, `packed_size` is the bytes there. `why` says why it waits
    longer, or why it is gone; `tried_at` is when keeping it was last tried in vain.
    """

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("ix_artifacts_waiting", "created_at", postgresql_where="state = 'waiting'"),
        Index("ix_artifacts_kept", "sha256", postgresql_where="state = 'kept'"),
        Index("ix_artifacts_image", "image_key", "kind", postgresql_where="state = 'kept'"),
    )

    run_id: Mapped[BigInt] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[ArtifactKind] = mapped_column(words(ArtifactKind, "kind"), primary_key=True)
    attempt: Mapped[int]
    image_key: Mapped[str] = mapped_column(Text)
    state: Mapped[ArtifactState] = mapped_column(words(ArtifactState, "state"), default=ArtifactState.WAITING)
    size: Mapped[BigInt | None]
    packed_size: Mapped[BigInt | None]
    sha256: Mapped[str | None] = mapped_column(Text)
    why: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]
    tried_at: Mapped[When | None]
    stored_at: Mapped[When | None]
    gone_at: Mapped[When | None]
