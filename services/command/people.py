"""The demo's people: one sign-in for each role, and the coordinator's token."""

from __future__ import annotations

from dataclasses import dataclass

from services.matching.planning.scenario import Area
from services.portal.accounts import create_account, create_token
from shared.database import service_database
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class SignIn:
    """An account as its owner is told of it, once."""

    role: str
    organisation: str
    email: str
    password: str


async def sign_ins(settings: Settings, area: Area) -> tuple[list[SignIn], str]:
    """Create one account for each role of an area's hub, and a token of its coordinator; returns both."""
    problem = area.problem
    organisations = {
        "coordinator": f"hub:{problem.hub.id}",
        "employer": f"employer:{problem.pledges[0].employer if problem.pledges else problem.employers[0].id}",
        "school": f"school:{problem.schools[0].id}",
        "admin": "",
    }
    people = []
    database = service_database(settings, "portal")
    async with database.transaction() as session:
        for role, organisation in organisations.items():
            email = f"{role}@{problem.hub.id}.example.org"
            new = await create_account(session, email=email, role=role, organisation=organisation)
            people.append(SignIn(role, organisation, email, new.password))
        token = await create_token(session, name="demo", role="coordinator", organisation=organisations["coordinator"])
    await database.close()
    return people, token.text
