"""The portal's web application: routes, middleware, and what an error looks like to a person and to a machine."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.portal import api, api_files, api_hubs, health
from services.portal.asking import SESSION_COOKIE, Portal
from services.portal.pages import routers as page_routers
from services.portal.pages.rendering import render_problem
from services.portal.problems import FieldFault, NotSignedIn, Problem, ProblemDetails
from services.portal.protecting import SECURITY_HEADERS, Protecting
from services.portal.wording import faults_of
from shared.database import will_pass
from shared.logging import get_logger, where
from shared.reasons import pointer

_STATIC = Path(__file__).parent / "static"
_SIGNED_IN_SECONDS = 12 * 3600

_NOT_KEPT = ("22021", "22P05")
"""What PostgreSQL calls a character that it has no place for, in text and in JSON."""

_ABOUT = """
What people and machines submit comes in here, and what became of it can be read here.

- **Who**: a person signs in on the pages; a machine sends `Authorization: Bearer TOKEN`, scoped to one organisation.
- **Answers**: a submission is answered with 202 and an id at once; whether it was accepted or refused, and why, follows:
  `GET /api/v1/submissions/{id}?wait=10`.
- **Errors** are problem+json (RFC 9457); each fault names its field, what is wrong and what to do.
- **Times** are local wall-clock times of the hub, `2027-03-02T09:30`.
"""

_TAGS = [
    {"name": "me", "description": "Who is asking."},
    {"name": "submissions", "description": "What became of what was submitted."},
    {"name": "employers", "description": "Availability and pledges."},
    {"name": "schools", "description": "Profiles, requests, coverage."},
    {"name": "registry", "description": "Hubs, schools and employers."},
    {"name": "files", "description": "Bulk files (CSV)."},
    {"name": "encounters", "description": "What was confirmed, moved or cancelled."},
    {"name": "coordinators", "description": "Plans of a hub, their review, and publishing."},
    {"name": "health", "description": "For whoever runs the product."},
]


def build_app(portal: Portal | None = None, *, secret: str = "", https: bool = False) -> FastAPI:
    """Build the web application; without a `portal` it serves its documentation (`.openapi()`) only."""
    app = FastAPI(
        title="Seven Encounters", version="1", description=_ABOUT, openapi_tags=_TAGS, docs_url=None, redoc_url=None,
        separate_input_output_schemas=False,
    )  # fmt: skip
    app.state.portal = portal
    for router in (api.router, api_files.router, api_hubs.router, health.router):
        app.include_router(router)
    for router in page_routers:
        app.include_router(router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_wrong_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ConnectionError, _on_database_away)
    app.add_exception_handler(DBAPIError, _on_database_fault)
    app.add_exception_handler(Exception, _on_fault)
    app.add_middleware(
        SessionMiddleware, secret_key=secret, session_cookie=SESSION_COOKIE, max_age=_SIGNED_IN_SECONDS,
        same_site="lax", https_only=https,
    )  # fmt: skip
    app.add_middleware(Protecting, https=https)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Name the error model in the OpenAPI document in place of FastAPI's own."""
    generate = app.openapi

    def described() -> dict[str, object]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document["components"]["schemas"]
            for own in ("HTTPValidationError", "ValidationError"):
                schemas.pop(own, None)
            details = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(details.pop("$defs"))
            schemas["ProblemDetails"] = details
            document["components"]["schemas"] = dict(sorted(schemas.items()))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way to extend its document


def _answer(request: Request, details: ProblemDetails, *, retry_after_seconds: int | None = None) -> Response:
    headers = {"Retry-After": str(retry_after_seconds)} if retry_after_seconds else {}
    if request.url.path.startswith(("/api/", "/health")):
        return JSONResponse(details.model_dump(), details.status, headers, media_type="application/problem+json")
    return render_problem(request, details, headers)


async def _on_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    if isinstance(error, NotSignedIn) and not request.url.path.startswith("/api/"):
        return RedirectResponse("/sign-in", 303)
    return _answer(request, error.details(), retry_after_seconds=error.retry_after_seconds)


async def _on_wrong_request(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if found and found[0]["type"] == "json_invalid":
        reason = (found[0].get("ctx") or {}).get("error", "")
        details = ProblemDetails(
            title="This can't be read", status=400,
            detail=f"The body is not JSON: {reason} at character {found[0]['loc'][-1]}. Nothing was submitted.",
        )  # fmt: skip
        return _answer(request, details)
    faults = [_placed(fault, tuple(place["loc"])) for fault, place in zip(faults_of(found), found, strict=False)]
    number = f"{len(found)} fields need" if len(found) > 1 else "1 field needs"
    details = ProblemDetails(
        title="This can't be accepted as it is", status=422, detail=f"{number} a change. Nothing was submitted.",
        errors=faults,
    )  # fmt: skip
    return _answer(request, details)


def _placed(fault: FieldFault, loc: tuple[str | int, ...]) -> FieldFault:
    """Point into the body, or name the part of the address or the header."""
    if loc[:1] == ("body",):
        return fault.model_copy(update={"field": pointer(loc[1:]) or "/"})
    return fault.model_copy(update={"field": " ".join(str(part) for part in loc)})


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    titles = {404: "Not found", 405: "Not possible here", 413: "This is too large", 400: "This can't be read"}
    said = "There is nothing at this address." if error.status_code == 404 else str(error.detail)
    details = ProblemDetails(
        title=titles.get(error.status_code, "This can't be done"), status=error.status_code, detail=said
    )
    answer = _answer(request, details)
    answer.headers.update(error.headers or {})
    return answer


async def _on_database_away(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the framework's signature
    details = ProblemDetails(
        title="Not available at the moment", status=503, detail="The database can't be reached. Try again in a minute."
    )
    return _answer(request, details, retry_after_seconds=60)


async def _on_database_fault(request: Request, error: Exception) -> Response:
    """Refuse text that the database can't keep (it has a zero byte); an error that won't pass is a fault of ours."""
    if will_pass(error):
        return await _on_database_away(request, error)
    if getattr(getattr(error, "orig", None), "sqlstate", "") not in _NOT_KEPT:
        raise error
    details = ProblemDetails(
        title="This can't be read",
        status=400,
        detail="It has characters that are no text: remove them, and send it again.",
    )
    return _answer(request, details)


async def _on_fault(request: Request, error: Exception) -> Response:
    """Answer a fault of our own; it passes outside the middleware, so the security headers are put on here."""
    get_logger(service="portal").error(
        "portal.request.failed", path=request.url.path, error=type(error).__name__, where=where(error)
    )
    details = ProblemDetails(
        title="Something went wrong here",
        status=500,
        detail="This is our fault, not yours; it has been recorded. Try again.",
    )
    answer = _answer(request, details)
    answer.headers.update(SECURITY_HEADERS)
    return answer
