"""Templates: one typed context object each, called `page` in them."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from app.domain.shortest import shortest
from app.web.addresses import address_of_test

if TYPE_CHECKING:
    from app.config import Settings

STATIC = Path(__file__).resolve().parents[2] / "static"
DASH = "\N{EN DASH}"
MINUTE, HOUR, DAY = 60, 3600, 86400
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class PageContext(Protocol):
    """What every page's context has: the title of the window, and where in the navigation it is ("" for nowhere)."""

    @property
    def title(self) -> str:
        """What the window is called."""

    @property
    def place(self) -> str:
        """The word of the navigation that is current."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """What an error page says."""

    status: int
    heading: str
    detail: str
    place: str = ""

    @property
    def title(self) -> str:
        """The heading."""
        return self.heading


def render(request: Request, template: str, page: PageContext, *, status: int = 200) -> HTMLResponse:
    """Return a page."""
    settings: Settings = request.app.state.settings
    text = (
        environment()
        .get_template(template)
        .render(
            page=page,
            now=request.app.state.now(),
            path=request.url.path,
            searched=request.query_params.get("q", "")[:300] if request.url.path == "/" else "",
            archive=settings.lore.origin.rstrip("/"),
        )
    )
    return HTMLResponse(text, status)


def render_error(request: Request, *, status: int, title: str, detail: str) -> HTMLResponse:
    """Return an error as a page; it asks nothing of the database."""
    return render(request, "error.html", ErrorPage(status=status, heading=title, detail=detail), status=status)


@cache
def environment() -> Environment:
    """Return the templates: everything is escaped, and a name that a context lacks is an error."""
    made = Environment(
        loader=PackageLoader("app.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        enable_async=False,
    )
    made.filters.update(
        number=number, day=day, moment=moment, ago=ago, seconds=seconds, between=between, visible=visible,
        commit=commit, mid=lambda message_id: quote(message_id, safe="@!$&'()*+,;=:-._~"), plural=plural, size=size,
        shortest=shortest,
    )  # fmt: skip
    made.globals["asset"] = asset
    made.globals["address_of_test"] = address_of_test
    return made


@cache
def asset(name: str) -> str:
    """Return the address of a static file; it changes with the content, so that no stale one is used."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"


def number(value: int) -> str:
    """1419 as `1,419`."""
    return f"{value:,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 patch`, `2 patches`."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def size(value: int) -> str:
    """Bytes as a person reads them."""
    if value < 1000:
        return f"{value} B"
    return f"{value / 1000:.1f} kB" if value < 1_000_000 else f"{value / 1_000_000:.1f} MB"


def commit(value: str) -> str:
    """Return the twelve digits that kernel people write."""
    return value[:12]


def seconds(value: float | None) -> str:
    """A duration: `0.4 s`, `71 s`, `23 min`, `2 h 15 min`."""
    if value is None:
        return DASH
    if value < 10:
        return f"{value:.1f} s"
    if value < 2 * MINUTE:
        return f"{value:.0f} s"
    if value < HOUR:
        return f"{int(value // MINUTE)} min {int(value % MINUTE)} s" if value < 10 * MINUTE else f"{value / 60:.0f} min"
    return f"{int(value // HOUR)} h {int(value % HOUR // MINUTE)} min"


def between(start: datetime | None, end: datetime | None) -> str:
    """How long it took; a dash where either is not known."""
    return seconds((end - start).total_seconds()) if start and end else DASH


def _time(value: datetime, shown: str) -> Markup:
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), f"{utc:%a %d %b %Y %H:%M:%S} UTC", shown
    )


def _day(value: datetime, now: datetime) -> str:
    return f"{value.day} {value:%b}" + ("" if value.year == now.year else f" {value.year}")


def day(value: datetime | None, now: datetime) -> Markup:
    """The day, with the year where it is not this one."""
    return _time(value, _day(value.astimezone(UTC), now)) if value else Markup("no date")


def moment(value: datetime | None, now: datetime) -> Markup:
    """Day and time in UTC."""
    if value is None:
        return Markup("no date")
    utc = value.astimezone(UTC)
    return _time(value, f"{_day(utc, now)} {utc:%H:%M} UTC")


def ago(value: datetime | None, now: datetime) -> Markup:
    """How long ago, within a month; the day before that."""
    if value is None:
        return Markup("no date")
    passed = (now - value).total_seconds()
    if passed < -MINUTE or passed > 30 * DAY:  # clocks of several machines are never quite the same
        return day(value, now)
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if passed >= unit:
            return _time(value, f"{int(passed // unit)} {name} ago")
    return _time(value, "just now")


def visible(text: str | None) -> str:
    """Text of others with what cannot be seen made visible: control characters, and those that turn text around."""
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text or "")
