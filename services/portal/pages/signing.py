"""Signing in and out."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from services.portal.accounts import sign_in
from services.portal.asking import Asking, Running, Transaction, check_csrf
from services.portal.pages.rendering import HOME, go, page
from services.portal.problems import TooOften

router = APIRouter()


@router.get("/")
async def home(request: Request, asking: Asking) -> Response:
    """Go to the page of one's role."""
    return go(request, HOME[asking.role])


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """Show the form."""
    return page(request, "sign_in.html", None, email="", fault=None)


@router.post("/sign-in")
async def sign_in_form(
    request: Request,
    portal: Running,
    email: Annotated[str, Form(max_length=254)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Check the form; a cookie of before is of no use afterwards."""
    check_csrf(request, csrf)
    address = request.client.host if request.client else "unknown"
    try:
        async with portal.database.transaction() as session:
            account = await sign_in(session, email=email, password=password, address=address)
    except TooOften as error:
        answer = page(request, "sign_in.html", None, status=429, email=email, fault=error.detail)
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
        return answer
    if account is None:
        fault = "The e-mail address and the password do not fit together. Check both, then try again."
        return page(request, "sign_in.html", None, status=401, email=email, fault=fault)
    request.session.clear()
    request.session.update({"account": account.id, "csrf": secrets.token_urlsafe(24)})
    return go(request, "/")


@router.post("/sign-out")
async def sign_out(
    request: Request, _asking: Asking, _session: Transaction, csrf: Annotated[str, Form()] = ""
) -> Response:
    """Forget who was signed in."""
    check_csrf(request, csrf)
    request.session.clear()
    return go(request, "/sign-in", "You are signed out.")
