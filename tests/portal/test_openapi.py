"""The OpenAPI document is true: the API never breaks, and answers what the document says, to anything it is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.core.result import Ok

from services.portal.web import build_app
from tests.portal.conftest import Running

SCHEMA = schemathesis.openapi.from_dict(build_app(secret="x").openapi())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}


def test_every_operation_is_described() -> None:
    document = build_app(secret="x").openapi()
    assert len(OPERATIONS) == sum(len(item) for item in document["paths"].values())
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            assert operation["tags"], (method, path)
            if path != "/health":
                assert operation["security"], (method, path)
                assert "ProblemDetails" in str(operation["responses"]["422"]), (method, path)
    assert "HTTPValidationError" not in str(document)


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # the portal's own loop draws from it meanwhile
@pytest.mark.parametrize("label", OPERATIONS)
async def test_the_api_holds_against_anything(portal: Running, label: str) -> None:
    """Ten generated requests for each operation, as an admin: no fault of the server, no undocumented answer."""
    operation = OPERATIONS[label]
    token = await portal.token("admin", "")

    @given(case=operation.as_strategy())
    @settings(max_examples=10, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    def holds(case: schemathesis.Case[Any]) -> None:
        if "wait" in (case.query or {}):
            case.query["wait"] = 0
        response = case.call(base_url=portal.url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
        case.validate_response(response, checks=[checks.not_a_server_error, checks.status_code_conformance,
                                                 checks.content_type_conformance, checks.response_schema_conformance])  # fmt: skip

    await asyncio.to_thread(holds)
