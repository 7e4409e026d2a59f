"""Bulk files: what people's spreadsheets write is read, bad rows are named, good ones taken or not as asked."""

from __future__ import annotations

import csv
import io

import httpx
import pytest

from services.portal.files import MAX_FILE_BYTES, MAX_FILE_ROWS, MODELS, Kind, read_file, template
from services.portal.problems import NotReadable, TooLarge
from shared.envelope import Event
from shared.events.submissions import SubmitAvailability, SubmitRequest
from shared.topics import SUBMISSIONS
from tests import ringside
from tests.portal.conftest import MakeClient, Running
from tests.portal.hubmade import Hub

HEADER = "group,year,size,calendars"


def requests(*rows: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows]).encode()


@pytest.mark.parametrize("kind", MODELS)
def test_a_template_is_itself_a_good_file(kind: Kind) -> None:
    rows = read_file(kind, template(kind).encode("utf-8-sig"), "900001" if kind == "requests" else "E0001")
    assert [(row.number, row.faults) for row in rows] == [(2, [])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_separators_of_spreadsheets_are_read(encoding: str, delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["Availability", "Hub", "Mode", "Times", "Duration minutes", "Seats", "Presenter"])
    writer.writerow(["A1", "demo", "In school", "2/3/2027 9:00 – 12:00", "60", "30", "Zoë Müller"])
    writer.writerow(["", "", "", "", "", "", ""])
    rows = read_file("availability", out.getvalue().encode(encoding), "E0001")
    (row,) = rows
    assert isinstance(row.submission, SubmitAvailability)
    assert row.submission.presenter == "Zoë Müller"
    assert (row.submission.times[0].start, row.submission.times[0].end) == ("2027-03-02T09:00", "2027-03-02T12:00")


def test_cells_say_years_lists_and_recurrences_as_people_write_them() -> None:
    content = (
        "availability,hub,mode,times,repeats,duration_minutes,seats,years,adjustments,purpose\n"
        'A1,demo,virtual,"2027-03-02 09:00-10:00; 2027-03-04 13:00-14:00",FREQ=WEEKLY,30,30,"7-9, 11",step-free;signed,yes\n'
    )
    (row,) = read_file("availability", content.encode(), "E0001")
    assert isinstance(row.submission, SubmitAvailability)
    assert row.submission.years == {7, 8, 9, 11}
    assert row.submission.adjustments == {"step-free", "signed"}
    assert [times.rrule for times in row.submission.times] == ["FREQ=WEEKLY"] * 2
    assert row.submission.meaningful.purpose


def test_every_bad_row_is_named_with_its_number_field_and_remedy() -> None:
    content = requests(
        "G1,9,28,tutor", "G2,nine,28,tutor", "G3,6,0,tutor", "G1,9,28,tutor", "G4,9,28,tutor,extra", ',9,28,"tutor"'
    )
    rows = read_file("requests", content, "900001")
    faults = {row.number: [(fault.field, fault.message) for fault in row.faults] for row in rows}
    assert faults == {
        2: [],
        3: [("/year", "must be a whole number")],
        4: [("/year", "must be at least 7"), ("/size", "must be at least 1")],
        5: [("/group", "is the same thing as row 2")],
        6: [("/", "has more cells than the header")],
        7: [("/group", "is missing")],
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 and more", "spreadsheet"),
        ("group".encode("utf-16"), "UTF-16"),
        (b"group\x00", "no text file"),
        (b"", "first row"),
        (requests(), "no rows"),
        (requests("G1,9,28,tutor", header="group,year,size,rooms"), "first row"),
        (requests('G1,9,28,"tutor'), "no proper CSV"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(NotReadable, match=said):
        read_file("requests", content, "900001")


def test_limits_of_size_and_rows_are_kept() -> None:
    with pytest.raises(TooLarge, match="5 MB"):
        read_file("requests", b"x" * (MAX_FILE_BYTES + 1), "900001")
    rows = [f"G{number},9,28,tutor" for number in range(MAX_FILE_ROWS + 1)]
    assert len(read_file("requests", requests(*rows[:-1]), "900001")) == MAX_FILE_ROWS
    with pytest.raises(TooLarge, match="10,000"):
        read_file("requests", requests(*rows), "900001")


async def send(client: httpx.AsyncClient, content: bytes, take: str) -> httpx.Response:
    files = {"file": ("groups.csv", content, "text/csv")}
    return await client.post(f"/api/v1/files/requests?take={take}", files=files)


async def test_good_rows_are_taken_and_bad_ones_told(portal: Running, hub: Hub, client_of: MakeClient) -> None:
    school = hub.schools[0]
    client = await client_of("school", f"school:{school}")
    content = requests(f"{school}-X1,9,28,tutor", f"{school}-X2,14,28,tutor", f"{school}-X3,9,20,tutor")
    answer = await send(client, content, "good")
    assert answer.status_code == 202
    file = answer.json()
    assert (file["rows"], file["counts"], file["refused_as_a_whole"]) == (3, {"pending": 2, "refused": 1}, False)
    assert [(row["row"], row["reasons"][0]["field"]) for row in file["results"]] == [(3, "/year")]
    shown = (await client.get(f"/api/v1/files/{file['id']}")).json()
    assert [(row["row"], row["status"]) for row in shown["results"]] == [(2, "pending"), (3, "refused"), (4, "pending")]

    def rows(events: list[Event[object]]) -> list[SubmitRequest]:
        data = [event.data for event in events if isinstance(event.data, SubmitRequest)]
        return [one for one in data if one.batch and one.batch.id == file["id"]]

    events = await ringside.events_until(portal.settings, [SUBMISSIONS], lambda all_: len(rows(all_)) == 2)
    assert [(one.group, one.batch.row, one.batch.rows, one.batch.take) for one in rows(events) if one.batch] == [
        (f"{school}-X1", 1, 2, "good"), (f"{school}-X3", 2, 2, "good"),
    ]  # fmt: skip


async def test_all_or_nothing_takes_nothing_while_a_row_is_wrong(hub: Hub, client_of: MakeClient) -> None:
    school = hub.schools[0]
    client = await client_of("school", f"school:{school}")
    file = (await send(client, requests(f"{school}-X1,9,28,tutor", f"{school}-X2,14,28,tutor"), "all")).json()
    assert file["refused_as_a_whole"]
    assert file["counts"] == {"refused": 2}
    good = (await send(client, requests(f"{school}-X1,9,28,tutor"), "all")).json()
    assert good["counts"] == {"pending": 1}


async def test_the_same_file_again_keeps_its_versions_and_a_changed_row_gets_the_next(
    hub: Hub, client_of: MakeClient
) -> None:
    school = hub.schools[0]
    client = await client_of("school", f"school:{school}")
    first = requests(f"{school}-Y1,9,28,tutor", f"{school}-A,9,28,tutor")

    async def versions(content: bytes) -> dict[str, int]:
        file = (await send(client, content, "good")).json()
        shown = (await client.get(f"/api/v1/files/{file['id']}")).json()
        return {row["about"].removeprefix(f"request:{school}-"): row["version"] for row in shown["results"]}

    assert await versions(first) == {"Y1": 1, "A": 1}
    assert await versions(first) == {"Y1": 1, "A": 1}
    assert await versions(requests(f"{school}-Y1,9,30,tutor", f"{school}-9A,9,28,tutor")) == {"Y1": 2, "9A": 2}
    assert await versions(first) == {"Y1": 3, "A": 1}


async def test_rows_for_somebody_else_are_bad_rows(hub: Hub, client_of: MakeClient) -> None:
    client = await client_of("school", f"school:{hub.schools[0]}")
    other = hub.schools[1]
    content = requests(f"G1,9,28,tutor,{other}", f"{hub.schools[0]}-Z,9,28,tutor,", header=HEADER + ",school")
    file = (await send(client, content, "good")).json()
    assert file["counts"] == {"pending": 1, "refused": 1}
    assert file["results"][0]["reasons"][0]["field"] == "/school"


async def test_a_file_above_the_limit_is_refused(hub: Hub, client_of: MakeClient) -> None:
    client = await client_of("school", f"school:{hub.schools[0]}")
    answer = await send(client, b"x" * (MAX_FILE_BYTES + 1), "good")
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    far = await send(client, b"x" * (MAX_FILE_BYTES + 200_000), "good")
    assert far.status_code == 413
