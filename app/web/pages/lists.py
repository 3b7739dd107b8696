"""What pages with lists share."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request

from app.db.queries.paging import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """Where in a list a page is; `back` and `on` are addresses, None at the ends."""

    page: int
    pages: int
    total: int
    first: int
    last: int
    back: str | None
    on: str | None


def pager(request: Request, page: Page[Any]) -> Pager:
    """Return the pager of a list."""

    def address(number: int) -> str:
        url = request.url.include_query_params(page=number)
        return f"{url.path}?{url.query}"

    at, window = page.window.page, page.window
    return Pager(
        page=at,
        pages=page.pages,
        total=page.total,
        first=min(window.offset + 1, page.total),
        last=window.offset + len(page.items),
        back=address(at - 1) if at > 1 else None,
        on=address(at + 1) if at < page.pages else None,
    )
