"""Bulk files (CSV) as people's spreadsheets write them; pure: bytes go in, submissions and faults by row come out."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from services.portal.cells import CELLS, COLUMNS_OF, Cell, NotReadableCell, Where
from services.portal.problems import FieldFault, NotReadable, TooLarge
from services.portal.wording import faults_of
from shared.events.submissions import Submission, SubmitAvailability, SubmitPledge, SubmitRequest
from shared.topics import MAX_SUBMISSION_BYTES

Kind = Literal["availability", "pledges", "requests"]

MAX_FILE_BYTES = 5 * 1024 * 1024
"""Largest bulk file, in bytes."""
MAX_FILE_ROWS = 10_000
"""Most rows of a bulk file."""

MODELS: dict[Kind, type[Submission]] = {
    "availability": SubmitAvailability,
    "pledges": SubmitPledge,
    "requests": SubmitRequest,
}
_OWNER: dict[Kind, str] = {"availability": "employer", "pledges": "employer", "requests": "school"}


@dataclass(frozen=True, slots=True)
class FileRowRead:
    """One row of a file: a submission, or what is wrong with it. `number` is the row as a spreadsheet counts, from 1."""

    number: int
    submission: Submission | None
    faults: list[FieldFault] = field(default_factory=list)


def read_file(kind: Kind, content: bytes, owner: str | None) -> list[FileRowRead]:
    """Read a bulk file of one kind; rows without their own employer or school belong to `owner` (an id).

    Raises TooLarge above 5 MB, and NotReadable when the file as a whole can't be read, with what to do.
    """
    if len(content) > MAX_FILE_BYTES:
        raise TooLarge(
            f"The file has {len(content):,} bytes; at most {MAX_FILE_BYTES:,} (5 MB) are taken: send it in parts."
        )
    table = _table(decode(content))
    header = _header(kind, table)
    rows: list[FileRowRead] = []
    seen: dict[str, int] = {}
    for number, cells in enumerate(table[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        row = _row(kind, header, cells, number, owner)
        if row.submission is not None:
            about = row.submission.subject()
            if about in seen:
                fault = FieldFault(
                    field="/" + header[0],
                    message=f"is the same thing as row {seen[about]}",
                    remedy="keep one of the two rows, or give this one an id of its own",
                )
                row = FileRowRead(number, row.submission, [fault])
            seen.setdefault(about, number)
        rows.append(row)
    if len(rows) > MAX_FILE_ROWS:
        raise TooLarge(f"The file has {len(rows):,} rows; at most {MAX_FILE_ROWS:,} are taken: send it in parts.")
    if not rows:
        raise NotReadable("The file has a header but no rows: fill in at least one.")
    return rows


def decode(content: bytes) -> str:
    """Read bytes as UTF-8, with or without a mark at its start, or else as Windows-1252. Raises NotReadable."""
    if content.startswith(b"PK\x03\x04"):
        raise NotReadable("This is a spreadsheet (.xlsx), not a CSV file: in Excel, choose Save as, then CSV UTF-8.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotReadable("This file is written in UTF-16: save it as CSV UTF-8.")
    if b"\x00" in content:
        raise NotReadable("This is no text file: save your table as CSV UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return content.decode("cp1252")
        except UnicodeDecodeError as error:
            raise NotReadable("The file's characters can't be read: save it as CSV UTF-8.") from error


def _table(text: str) -> list[list[str]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise NotReadable(
            f"The file is no proper CSV ({error}): check its quotation marks, or save it as CSV again."
        ) from error


def _header(kind: Kind, table: list[list[str]]) -> list[str]:
    columns = COLUMNS_OF[kind]
    header = [name.strip().lower().replace(" ", "_") for name in table[0]] if table else []
    while header and not header[-1]:
        header.pop()
    missing = [name for name, cell in columns.items() if cell.required and name not in header]
    unknown = [name for name in header if name not in columns]
    twice = sorted({name for name in header if header.count(name) > 1})
    faults = [
        *(FieldFault(field=f"/{name}", message="is a column that is missing", remedy="add it") for name in missing),
        *(
            FieldFault(field=f"/{name}", message="is not a known column", remedy=f"known are {', '.join(columns)}")
            for name in unknown
        ),
        *(FieldFault(field=f"/{name}", message="is there twice", remedy="keep one") for name in twice),
    ]
    if faults:
        raise NotReadable("The first row must name the columns as the template does; nothing was taken.", faults)
    return header


def _row(kind: Kind, header: list[str], cells: list[str], number: int, owner: str | None) -> FileRowRead:
    columns = COLUMNS_OF[kind]
    filled = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
    faults = []
    if any(cell.strip() for cell in cells[len(header) :]):
        faults.append(
            FieldFault(
                field="/",
                message="has more cells than the header",
                remedy="put text that has commas in quotation marks",
            )
        )
    values: dict[str, Any] = {}
    for name, cell in filled.items():
        try:
            _place(values, columns[name].where, CELLS[columns[name].kind](cell), filled)
        except NotReadableCell as error:
            faults.append(FieldFault(field=f"/{name}", message=str(error), remedy=error.remedy))
    if owner is not None:
        values.setdefault(_OWNER[kind], owner)
    unread = {fault.field for fault in faults}
    try:
        submission = MODELS[kind].model_validate(values)
    except ValidationError as error:
        found = faults_of(error.errors(include_url=False, include_input=False), MODELS[kind])
        renamed = [fault.model_copy(update={"field": _column(kind, fault.field)}) for fault in found]
        return FileRowRead(number, None, [*faults, *(fault for fault in renamed if fault.field not in unread)])
    if len(submission.model_dump_json().encode()) > MAX_SUBMISSION_BYTES:
        faults.append(
            FieldFault(field="/", message="is too long", remedy=f"keep a row below {MAX_SUBMISSION_BYTES} bytes")
        )
    return FileRowRead(number, submission, faults)


def _place(values: dict[str, Any], where: Where, value: Any, filled: Mapping[str, str]) -> None:
    if where == ("times",):
        repeats = filled.get("repeats")
        value = [{**stretch, "rrule": repeats} if repeats else stretch for stretch in value]
    if where == ("repeats",):
        return
    if len(where) == 2:
        values.setdefault(where[0], {})[where[1]] = value
    else:
        values[where[0]] = value


def _column(kind: Kind, pointer: str) -> str:
    """Name the column that a model's field is written in."""
    parts = tuple(pointer.strip("/").split("/"))
    if parts[0] == "times" and parts[-1] == "rrule":
        return "/repeats"
    for name, cell in COLUMNS_OF[kind].items():
        if cell.where in (parts, parts[:1]):
            return f"/{name}"
    return f"/{parts[0]}"


def template(kind: Kind) -> str:
    """Write an empty file of a kind: the header, and one row as an example."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns: dict[str, Cell] = COLUMNS_OF[kind]
    writer.writerow(columns)
    writer.writerow([cell.example for cell in columns.values()])
    return out.getvalue()
