"""The HTTP API of bulk files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Path, Query, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal import views
from services.portal.api import problem
from services.portal.asking import Asking, Running, Transaction
from services.portal.cells import COLUMNS_OF
from services.portal.files import MAX_FILE_BYTES, Kind, template
from services.portal.filing import NOT_TAKEN, Take, file_of, take_file
from services.portal.tables import FileRow

router = APIRouter(prefix="/api/v1/files", tags=["files"], responses=problem(401, 403, 422))


class FileView(BaseModel):
    """A bulk file and what became of its rows, the refused ones first."""

    id: str
    kind: str
    take: str
    rows: int
    refused_as_a_whole: bool = Field(description="The file was to be taken whole and rows are wrong: nothing was taken")
    counts: dict[str, int] = Field(description="Rows by status: pending, accepted, unchanged, refused")
    results: list[views.SubmissionView] = Field(description="Rows with their number, status and reasons")


class Column(BaseModel):
    """A column of a bulk file."""

    name: str
    required: bool
    about: str
    example: str


async def show_file(
    session: AsyncSession, file: FileRow, *, status: str | None = None, offset: int = 0, limit: int = views.MOST_ROWS
) -> FileView:
    """Show a file with its rows, or those of one status."""
    rows = await views.rows_of_file(session, file.id, status=status, offset=offset, limit=limit)
    return FileView(
        id=file.id,
        kind=file.kind,
        take=file.take,
        rows=file.rows,
        refused_as_a_whole=file.refused_as_a_whole,
        counts=await views.counts_of_file(session, file.id),
        results=[_in_words_of_the_file(row) for row in rows],
    )


def _in_words_of_the_file(row: views.SubmissionView) -> views.SubmissionView:
    """Say of a good row of a file taken whole why it was not taken; intake counts the rows otherwise than a spreadsheet."""
    reasons = [NOT_TAKEN if reason.field == "/batch" else reason for reason in row.reasons]
    return row.model_copy(update={"reasons": reasons})


@router.post(
    "/{kind}",
    status_code=202,
    responses=problem(400, 413),
    description=f"A CSV file in UTF-8 (or Windows-1252) with a header, up to {MAX_FILE_BYTES // 1_048_576} MB and 10,000 rows. "
    "`take=good` takes the good rows and refuses the others; `take=all` takes all rows or none. "
    "The same file again changes nothing. The answer lists the rows refused at once; the others are answered later.",
)
async def send_file(
    kind: Kind,
    file: Annotated[UploadFile, File(description="The CSV file")],
    asking: Asking,
    portal: Running,
    session: Transaction,
    take: Annotated[Take, Query(description="good: take the good rows; all: all rows or none")] = "good",
) -> FileView:
    """Send a bulk file."""
    content = await file.read(MAX_FILE_BYTES + 1)
    name = file.filename or "file.csv"
    taken = await take_file(session, portal.settings.topic_prefix, asking, kind, name, content, take)
    return await show_file(session, taken, status="refused")


@router.get("/{file}", responses=problem(404))
async def read_file(
    file: Annotated[str, Path(max_length=100)],
    asking: Asking,
    session: Transaction,
    status: Annotated[str | None, Query(pattern="^(pending|accepted|unchanged|refused)$")] = None,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=views.MOST_ROWS)] = views.MOST_ROWS,
) -> FileView:
    """Give what became of a file's rows."""
    return await show_file(session, await file_of(session, asking, file), status=status, offset=offset, limit=limit)


@router.get("/{kind}/columns")
async def columns(kind: Kind, _asking: Asking) -> list[Column]:
    """Say what the columns of a file mean."""
    return [
        Column(name=name, required=cell.required, about=cell.about, example=cell.example)
        for name, cell in COLUMNS_OF[kind].items()
    ]


@router.get(
    "/{kind}/template.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "The header, and one row as an example"}},
)
async def template_file(kind: Kind, _asking: Asking) -> Response:
    """Give a file to start from."""
    return Response(
        template(kind).encode("utf-8-sig"),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{kind}.csv"'},
    )
