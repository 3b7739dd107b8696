"""Cutting long answers into pages, and turning what people type into patterns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func
from sqlalchemy.orm import InstrumentedAttribute, Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of a list is wanted: `page` counts from 1, `limit` is rows a page."""

    page: int = 1
    limit: int = 50

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.page - 1) * self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list, and how long the whole list is."""

    items: Sequence[T]
    total: int
    window: Window

    @property
    def pages(self) -> int:
        """How many pages there are; an empty list has one."""
        return max(1, -(-self.total // self.window.limit))


def count(session: Session, statement: Select[Any]) -> int:
    """Count the rows that `statement` finds."""
    rows = statement.order_by(None).with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(rows) or 0


def paginate(session: Session, statement: Select[T], window: Window) -> Page[T]:
    """Return one page of the entities that `statement` finds, in its order; two statements."""
    total = count(session, statement)
    items = session.scalars(statement.limit(window.limit).offset(window.offset)).all()
    return Page(items=items, total=total, window=window)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def contains(column: InstrumentedAttribute[Any] | ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Match rows whose column holds `text` as it is, in any case; nothing in it is a wildcard."""
    return column.ilike(f"%{_escaped(text)}%", escape="\\")


def matches_glob(column: InstrumentedAttribute[str], glob: str) -> ColumnElement[bool]:
    """Match rows by a glob over the whole value: `*` any characters, `?` one; without either, any place will do."""
    if "*" not in glob and "?" not in glob:
        return contains(column, glob)
    return column.like(_escaped(glob).replace("*", "%").replace("?", "_"), escape="\\")
