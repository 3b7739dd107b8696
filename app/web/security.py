"""Who may write, and what browsers may do with our answers.

Programs send a bearer token. People sign in once with the same token; it is then kept in a cookie that scripts cannot
read and that other sites' requests do not carry, and every form must come from our own pages. See
docs/decisions/0007-writing-from-pages.md.
"""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db.models import Token
from app.services import tokens
from app.web.parameters import Write

COOKIE = "reroll_token"
BODY_LIMIT = 100_000
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """Puts HEADERS on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class HeadLikeGet:
    """Answers HEAD as GET without the content (RFC 9110, 9.3.2); FastAPI's routes know only what they name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        ended = False

        async def without_content(message: Message) -> None:
            nonlocal ended
            if message["type"] != "http.response.body":
                await send(message)
            elif not ended:
                # The answer ends here: what streams the content sees that nobody waits for it, and stops.
                ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # A range is of GET alone (RFC 9110, 14.2).
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in {b"range", b"if-range"}]
        await self._app({**scope, "method": "GET", "headers": headers}, receive, without_content)


class BodyLimit:
    """Refuses bodies of more than BODY_LIMIT bytes: no request of ours needs as many."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        size, more = 0, True
        while more and size <= BODY_LIMIT:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        if size > BODY_LIMIT:
            document = {"type": "about:blank", "title": "Content Too Large", "status": 413}
            refusal = document | {"detail": f"A request's body has at most {BODY_LIMIT} bytes."}
            await JSONResponse(refusal, 413, media_type="application/problem+json")(scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)


_bearer = HTTPBearer(auto_error=False, description="made by `reroll token create NAME`")


def bearer_token(
    session: Write, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Token:
    """Return the token of a request to the API; 401 without a good one."""
    token = tokens.authenticate(session, credentials.credentials) if credentials else None
    if token is None:
        detail = "This bearer token is not known or was revoked." if credentials else "Writing needs a bearer token."
        challenge = 'Bearer realm="reroll"' + (', error="invalid_token"' if credentials else "")
        raise HTTPException(401, detail, headers={"WWW-Authenticate": challenge})
    return token


def from_our_pages(request: Request) -> None:
    """Refuse a form that does not come from a page of ours (403).

    Browsers say where a request comes from in Sec-Fetch-Site, older ones in Origin; one that says neither is refused.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    same = site == "same-origin" if site else bool(origin) and urlsplit(origin or "").netloc == request.url.netloc
    if not same:
        raise HTTPException(403, "This form was not sent from a page of this site, so nothing was done.")


class SignInNeededError(Exception):
    """Somebody who has not signed in pressed a button; `next_path` is the page to go back to."""

    def __init__(self, next_path: str) -> None:
        super().__init__(next_path)
        self.next_path = next_path


def signed_in(request: Request, session: Write, _ours: Annotated[None, Depends(from_our_pages)]) -> Token:
    """Return the token of the person at a page.

    Raises:
        SignInNeededError: there is no cookie, or its token is not good any more.
    """
    token = tokens.authenticate(session, request.cookies.get(COOKIE, ""))
    if token is None:
        page = urlsplit(request.headers.get("referer", ""))
        raise SignInNeededError((page.path or "/") + (f"?{page.query}" if page.query else ""))
    return token


Bearer = Annotated[Token, Depends(bearer_token)]
SignedIn = Annotated[Token, Depends(signed_in)]
