"""Pages about what was sent: one submission, bulk files and their rows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Path, Request, UploadFile
from starlette.responses import Response

from services.portal.api import view_of
from services.portal.api_files import show_file
from services.portal.asking import Asking, Running, Transaction, check_csrf
from services.portal.cells import COLUMNS_OF
from services.portal.files import MAX_FILE_BYTES, Kind
from services.portal.filing import Take, file_of, take_file
from services.portal.pages.rendering import go, page
from services.portal.problems import NotReadable, NotYours, TooLarge
from services.portal.submitting import status_of

router = APIRouter()

KINDS_OF_ROLE: dict[str, tuple[Kind, ...]] = {
    "employer": ("availability", "pledges"),
    "school": ("requests",),
    "admin": ("availability", "pledges", "requests"),
}


@router.get("/submissions/{submission}")
async def submission_page(
    request: Request, submission: Annotated[str, Path(max_length=100)], asking: Asking, session: Transaction
) -> Response:
    """Show what became of a submission."""
    row = await status_of(session, asking, submission)
    return page(request, "submission.html", asking, submission=view_of(row))


@router.get("/files")
async def files_page(request: Request, asking: Asking) -> Response:
    """Show how files are sent."""
    if asking.role not in KINDS_OF_ROLE:
        raise NotYours("Employers and schools send files.")
    return page(request, "files.html", asking, kinds=KINDS_OF_ROLE[asking.role], columns=COLUMNS_OF, fault=None)


@router.post("/files")
async def files_form(
    request: Request,
    asking: Asking,
    portal: Running,
    session: Transaction,
    kind: Annotated[Kind, Form()],
    file: Annotated[UploadFile, File()],
    take: Annotated[Take, Form()] = "good",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Take a file, or say why it can't be read."""
    check_csrf(request, csrf)
    content = await file.read(MAX_FILE_BYTES + 1)
    try:
        taken = await take_file(
            session, portal.settings.topic_prefix, asking, kind, file.filename or "file.csv", content, take
        )
    except (NotReadable, TooLarge) as error:
        kinds = KINDS_OF_ROLE.get(asking.role, ())
        status = error.status.value
        return page(request, "files.html", asking, status=status, kinds=kinds, columns=COLUMNS_OF, fault=error)
    return go(request, f"/files/{taken.id}")


@router.get("/files/{file}")
async def file_page(
    request: Request, file: Annotated[str, Path(max_length=100)], asking: Asking, session: Transaction
) -> Response:
    """Show what became of a file's rows, the refused ones in full."""
    row = await file_of(session, asking, file)
    shown = await show_file(session, row, status="refused")
    return page(request, "file.html", asking, file=shown, name=row.name)
