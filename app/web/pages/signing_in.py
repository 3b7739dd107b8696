"""Signing in with a bearer token, and out again."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.config import Settings
from app.services import tokens
from app.web.forms import Fields
from app.web.parameters import Config, Write
from app.web.render import render
from app.web.security import COOKIE, from_our_pages

router = APIRouter(include_in_schema=False)
A_YEAR_S = 365 * 86400
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage:
    """The form; `next` is where to go afterwards, `refused` that the token was no good, `who` who is signed in."""

    next: str
    refused: bool
    who: str | None
    title: str = "Sign in"
    place: str = ""


def own_path(path: str) -> str:
    """Return `path` where it is one of this site, else `/`: nobody is sent elsewhere by a link to our sign-in."""
    return path if len(path) <= 2000 and _OWN_PATH.fullmatch(path) else "/"


@router.get("/sign-in")
def ask_token(request: Request, session: Write, next_path: Annotated[str, Query(alias="next")] = "/") -> HTMLResponse:
    """Ask for a token; tell who is signed in."""
    token = tokens.authenticate(session, request.cookies.get(COOKIE, ""))
    page = SignInPage(next=own_path(next_path), refused=False, who=token.name if token else None)
    return render(request, "sign_in.html", page)


@router.post("/sign-in", dependencies=[Depends(from_our_pages)])
def sign_in(request: Request, session: Write, settings: Config, fields: Fields) -> Response:
    """Keep a good token in a cookie."""
    plain, path = fields.get("token", "").strip(), own_path(fields.get("next", "/"))
    token = tokens.authenticate(session, plain)
    if token is None:
        return render(request, "sign_in.html", SignInPage(next=path, refused=True, who=None), status=401)
    answer = RedirectResponse(path, 303)
    answer.set_cookie(
        COOKIE, plain, max_age=A_YEAR_S, httponly=True, samesite="strict", secure=_secure(request, settings)
    )  # fmt: skip
    return answer


@router.post("/sign-out", dependencies=[Depends(from_our_pages)])
def sign_out(_fields: Fields) -> RedirectResponse:
    """Forget the token in this browser; it stays good elsewhere."""
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _secure(request: Request, settings: Settings) -> bool:
    return request.url.scheme == "https" or settings.public_url.startswith("https:")
