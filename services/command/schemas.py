"""Writes `schemas/`: what an outside client needs to know, generated from the models that the services themselves use.

`python -m services.command.schemas` writes the files (`make schemas`); it refuses a change that would break a client.
A test finds any difference between the files and the models.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.portal.web import build_app
from shared.events import ALL_TYPES, EVENTS
from shared.events.data import EventData
from shared.events.submissions import Submission
from shared.topics import MAX_EVENT_BYTES, MAX_SUBMISSION_BYTES, TOPICS, dead_letters

SCHEMAS = Path(__file__).parents[2] / "schemas"


def generated() -> dict[str, str]:
    """Give every generated file of `schemas/`, by its path there."""
    files = {f"events/{data.event_type()}.json": _json(event_schema(data)) for data in ALL_TYPES}
    files["topics.md"] = topics_page()
    files["openapi.json"] = _json(_steady(build_app().openapi()))
    return files


def event_schema(data: type[EventData]) -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of one event version's data."""
    schema = _steady(data.model_json_schema(mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": data.event_type(),
        "description": (data.__doc__ or "").strip(),
        **{name: value for name, value in schema.items() if name not in {"title", "description"}},
    }


def _steady(schema: Any) -> Any:
    """Sort the defaults of sets, whose order changes from run to run."""
    if isinstance(schema, dict):
        steady = {name: _steady(value) for name, value in schema.items()}
        if steady.get("uniqueItems") and isinstance(steady.get("default"), list):
            steady["default"] = sorted(steady["default"])
        return steady
    return [_steady(one) for one in schema] if isinstance(schema, list) else schema


def topics_page() -> str:
    """Write the one table of topics, keys and headers."""
    rows = [
        f"| `{topic.name}` | {topic.key} | {topic.writer} | {topic.partitions} | {_kept(topic.keep)} | {topic.about} |"
        for topic in TOPICS
    ]
    types = [
        f"| `{data.event_type()}` | `{data.topic().name}` | {(data.__doc__ or '').strip().splitlines()[0]} |"
        for data in ALL_TYPES
    ]
    return "\n".join(
        [
            "# Topics, keys and headers",
            "",
            "Generated from the code. Every topic's name begins with the installation's prefix (`encounters.` unless set).",
            f"What can't be read goes to `{dead_letters('<topic>')}`, with its bytes, its headers, `dead_reason` and `dead_topic`.",
            "",
            "| topic | key | writer | partitions | kept | about |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "## Headers",
            "",
            "CloudEvents 1.0, Kafka binding, binary mode: attributes are headers, the body is the data as JSON (UTF-8).",
            "",
            "| header | |",
            "|---|---|",
            "| `ce_specversion` | `1.0` |",
            "| `ce_id` | unique within the source; a UUIDv7. The same source and id again has no effect |",
            "| `ce_source` | who wrote it, such as `/intake`; an outside client names itself, such as `/crm.example.org` |",
            "| `ce_type` | event type with version, see below |",
            "| `ce_subject` | what it is about, such as `availability:E0001-A1` |",
            "| `ce_time` | RFC 3339 |",
            "| `ce_correlationid` | id of the event that began it all; of a fact or refusal: the submission's id |",
            "| `ce_traceparent` | W3C trace context |",
            "| `content-type` | `application/json` |",
            "",
            f"A submission's body has at most {MAX_SUBMISSION_BYTES:,} bytes, any other event's {MAX_EVENT_BYTES:,}.",
            "",
            "## Event types",
            "",
            "| type | topic | |",
            "|---|---|---|",
            *types,
            "",
        ]
    )


def _kept(keep: Any) -> str:
    return "the newest of each key, for ever" if keep is None else f"{keep.days} days"


def breaking_changes(event_type: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Tell what a new schema of a released event version would break for its writers and readers.

    Nothing released is taken away or given another type. A submission asks for no new field; an event that we publish
    keeps all that it promised.
    """
    submission = issubclass(EVENTS[event_type], Submission) if event_type in EVENTS else False
    olds, news = {"": old, **old.get("$defs", {})}, {"": new, **new.get("$defs", {})}
    for name, before in olds.items():
        after = news.get(name)
        if after is None:
            yield f"{event_type}: the definition {name} is gone"
            continue
        for field, kind in before.get("properties", {}).items():
            if field not in after.get("properties", {}):
                yield f"{event_type}: {name}/{field} is gone"
            elif _shape(kind) != _shape(after["properties"][field]):
                yield f"{event_type}: {name}/{field} has another type"
        asked = set(after.get("required", ())) - set(before.get("required", ()))
        dropped = set(before.get("required", ())) - set(after.get("required", ()))
        if submission and asked:
            yield f"{event_type}: {name} now asks for {', '.join(sorted(asked))}"
        if not submission and dropped:
            yield f"{event_type}: {name} no longer promises {', '.join(sorted(dropped))}"


def _shape(kind: dict[str, Any]) -> Any:
    """Keep what decides the type; titles, words, limits and defaults may change."""
    kept = {
        name: value
        for name, value in kind.items()
        if name in {"type", "$ref", "format", "items", "anyOf", "prefixItems", "additionalProperties", "const"}
    }
    return {
        name: _shape(value)
        if isinstance(value, dict)
        else [_shape(one) if isinstance(one, dict) else one for one in value]
        if isinstance(value, list)
        else value
        for name, value in kept.items()
    }


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Write the files, unless that would break a client of a released version."""
    files = generated()
    broken = [
        fault
        for path, content in files.items()
        if path.startswith("events/") and (SCHEMAS / path).exists()
        for fault in breaking_changes(Path(path).stem, json.loads((SCHEMAS / path).read_text()), json.loads(content))
    ]
    gone = [path for path in (SCHEMAS / "events").glob("*.json") if f"events/{path.name}" not in files]
    broken += [f"{path.stem}: a released version is gone" for path in gone]
    if broken:
        sys.exit("these would break clients; add a new version of the event instead:\n  " + "\n  ".join(broken))
    for path, content in files.items():
        (SCHEMAS / path).parent.mkdir(parents=True, exist_ok=True)
        (SCHEMAS / path).write_text(content)
    print(f"{len(files)} files written to {SCHEMAS}")


if __name__ == "__main__":
    main()
