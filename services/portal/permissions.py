"""Who may do what. What is decided, and when it may be, stands in `reviewing.py` and `submitting.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from services.portal.problems import NotFound, NotYours
from shared.events.submissions import RegisterEmployer, RegisterHub, RegisterSchool, Submission

Role = Literal["employer", "school", "coordinator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

ORGANISATION_KIND: dict[Role, str] = {"employer": "employer", "school": "school", "coordinator": "hub", "admin": ""}
"""What kind of organisation a role belongs to, as it stands before the colon; an admin belongs to none."""

_REGISTRARS: dict[type[Submission], frozenset[Role]] = {
    RegisterHub: frozenset({"coordinator", "admin"}),
    RegisterSchool: frozenset({"admin"}),
    RegisterEmployer: frozenset({"admin"}),
}


class WrongOrganisation(ValueError):
    """An account's or token's role and organisation do not go together."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: an account or a token, its role, and the one organisation that it acts for."""

    id: str
    role: Role
    organisation: str

    @property
    def organisation_id(self) -> str:
        """Give the organisation's id without its kind, such as `E0001`; empty for an admin."""
        return self.organisation.partition(":")[2]

    def only_of(self, kind: str) -> str | None:
        """Give the id that queries are held to when they read rows of one `kind`; None for an admin, who sees all.

        A principal of another kind gets an id that no row has.
        """
        if self.role == "admin":
            return None
        return self.organisation_id if self.organisation.startswith(f"{kind}:") else ""


def check_role_fits(role: str, organisation: str) -> Role:
    """Check that a role and an organisation go together. Raises WrongOrganisation with the remedy."""
    for known in ROLES:
        if role == known:
            kind = ORGANISATION_KIND[known]
            given, _, name = organisation.partition(":")
            if (kind and (given != kind or not name)) or (not kind and organisation):
                wanted = f"as {kind}:ID" if kind else "of no organisation: leave it empty"
                raise WrongOrganisation(f"an account with the role {role} is {wanted}")
            return known
    raise WrongOrganisation(f"{role} is not a role: take one of {', '.join(ROLES)}")


def may_submit(principal: Principal, submission: Submission) -> bool:
    """Only the party itself submits for itself; schools and employers are registered by an admin."""
    registrars = _REGISTRARS.get(type(submission))
    if registrars is not None and principal.role not in registrars:
        return False
    return principal.role == "admin" or submission.organisation() == principal.organisation


def check_may_submit(principal: Principal, submission: Submission) -> None:
    """Raise NotYours when the principal may not submit this."""
    if may_submit(principal, submission):
        return
    if principal.role != "admin" and type(submission) in (RegisterSchool, RegisterEmployer):
        raise NotYours("Schools and employers are registered by the product's admin: ask them to.")
    raise NotYours(
        f"You act for {principal.organisation} and can only submit for it, not for {submission.organisation()}."
    )


def may_coordinate(principal: Principal, hub: str) -> bool:
    """Only a hub's own coordinators see its timetable under review and decide about it."""
    return principal.role == "admin" or principal.organisation == f"hub:{hub}"


def check_may_coordinate(principal: Principal, hub: str) -> None:
    """Raise NotYours for who is no coordinator, and NotFound for a coordinator of another hub."""
    if may_coordinate(principal, hub):
        return
    if principal.role == "coordinator":
        raise NotFound(f"There is no hub {hub} among those you coordinate.")
    raise NotYours("Only the hub's coordinators can do this.")
