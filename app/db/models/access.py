"""Who may write, and which workers there are."""

from sqlalchemy import Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, Created, Id, Json, When


class Token(Base):
    """A bearer token; only the SHA-256 of it is kept, as hex."""

    __tablename__ = "tokens"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text, unique=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[Created]
    last_used_at: Mapped[When | None]
    revoked_at: Mapped[When | None]


class Worker(Base):
    """A worker process, by the name `host/pid`; gone an hour after its heartbeat stops."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    pool: Mapped[str] = mapped_column(Text)
    accelerator: Mapped[str | None] = mapped_column(Text)
    toolchain: Mapped[Json] = mapped_column(JSONB, default=dict)
    doing: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[Created]
    seen_at: Mapped[When] = mapped_column(server_default=func.now())
