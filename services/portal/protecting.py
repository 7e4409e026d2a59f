"""What every answer and every body passes: security headers, and limits of size."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.portal.files import MAX_FILE_BYTES
from shared.topics import MAX_SUBMISSION_BYTES

_FORM_OVERHEAD_BYTES = 65_536
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def limit_of(path: str) -> int:
    """Give the largest body, in bytes, that is taken at a path."""
    takes_files = path.startswith(("/api/v1/files/", "/files"))
    return MAX_FILE_BYTES + _FORM_OVERHEAD_BYTES if takes_files else MAX_SUBMISSION_BYTES


class Protecting:
    """Puts the security headers on every answer, and stops bodies above the limit, however they are sent."""

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self._app = app
        self._headers = {**SECURITY_HEADERS, **({"Strict-Transport-Security": "max-age=31536000"} if https else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            answer = PlainTextResponse("The address has characters that no address here has.", 400)
            await answer(scope, receive, send)
            return
        limit = limit_of(scope["path"])
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    raise HTTPException(413, too_large(limit))
            return message

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, counting, protected)


def too_large(limit: int) -> str:
    """Say what the limit is and what to do."""
    return f"At most {limit} bytes are taken here: send it in parts."
