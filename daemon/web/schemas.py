"""The JSON Schemas of what the API answers, and of what it takes: one for each record of daemon.plain."""

from __future__ import annotations

from typing import Any, Final

from daemon.orders import NAME_MOST, NOTE_MOST

__all__ = ["SCHEMAS", "page_of", "ref"]

Schema = dict[str, Any]

TIME: Final[Schema] = {"type": "string", "format": "date-time"}
TEXT: Final[Schema] = {"type": "string"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
FLAG: Final[Schema] = {"type": "boolean"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
AMOUNT: Final[Schema] = {
    "type": "string",
    "description": "An exact decimal, as the venue wrote it or as the sum of such.",
}
SEVERITY: Final[Schema] = {"type": "string", "enum": ["info", "warning", "critical"]}


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Schema) -> Schema:
    """That, or null where it is not known or there is none."""
    if isinstance(schema.get("type"), str):
        more: Schema = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return {**schema, **more, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def record(text: str, /, **properties: Schema) -> Schema:
    """An object that has exactly these members."""
    return {
        "type": "object",
        "description": text,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def page_of(name: str) -> Schema:
    """Some items, and the cursor that asks for the next ones; null on the last page."""
    return record(
        "One page.",
        items={"type": "array", "items": ref(name)},
        next=maybe({**TEXT, "description": "after=…"}),
    )


_ALERT: Final[Schema] = record(
    "One rule × one subject that was, or is, wrong.",
    id=TEXT,
    state={"type": "string", "enum": ["pending", "firing", "resolved", "closed"]},
    severity=SEVERITY,
    rule=TEXT,
    type=TEXT,
    exchange=TEXT,
    account=maybe(TEXT),
    account_id=maybe(COUNT),
    wallet=maybe(TEXT),
    wallets=TEXTS,
    asset=maybe(TEXT),
    field=maybe(TEXT),
    quote=maybe(TEXT),
    headline=maybe(TEXT),
    value=maybe(AMOUNT),
    perhaps=maybe(AMOUNT),
    sign=maybe(TEXT),
    threshold=maybe(AMOUNT),
    clear_at=maybe(AMOUNT),
    before=maybe(AMOUNT),
    window_ms=maybe(COUNT),
    outlook=maybe(ref("Outlook")),
    since=maybe(TIME),
    fired=maybe(TIME),
    read=maybe(TIME),
    ended=maybe(TIME),
    reason=maybe(TEXT),
    details=TEXTS,
    told=TEXTS,
    acked=maybe(TIME),
    acked_by=maybe(TEXT),
    notes={"type": "array", "items": ref("Written")},
    runbook=maybe(TEXT),
    description=maybe(TEXT),
)

_OUTLOOK: Final[Schema] = record(
    "What a rule of type runway expects: `fell` in `seen_ms`, and so `left_ms` until it is at `below`.",
    below=AMOUNT,
    over_ms=COUNT,
    within_ms=COUNT,
    ends_ms=COUNT,
    fell=AMOUNT,
    seen_ms=COUNT,
    left_ms=maybe(COUNT),
)

_HAPPENED: Final[Schema] = {
    "type": "object",
    "description": "One line of the record: a step of an alert, a notification, an attempt, or an order.",
    "properties": {
        "at": maybe(TIME),
        "event": {
            "type": "string",
            "enum": [
                "transition",
                "notification",
                "attempt",
                "ack",
                "note",
                "silence",
                "unsilence",
                "retry",
                "rules",
            ],
        },
        "alert": maybe(TEXT),
        "account": maybe(TEXT),
        "account_id": maybe(COUNT),
        "after": TEXT,
        "alerts": TEXTS,
        "before": maybe(TEXT),
        "by": TEXT,
        "changed": TEXT,
        "digest": TEXT,
        "exchange": maybe(TEXT),
        "kind": TEXT,
        "message": maybe(TEXT),
        "notifier": TEXT,
        "outcome": TEXT,
        "reason": maybe(TEXT),
        "rule": TEXT,
        "settled": maybe(TIME),
        "severity": SEVERITY,
        "silence": TEXT,
        "silences": TEXT,
        "state": TEXT,
        "text": TEXT,
        "until": maybe(TIME),
        "until_resolved": maybe(TEXT),
        "value": maybe(AMOUNT),
    },
    "required": ["at", "event"],
    "additionalProperties": False,
}

_PATTERNS: Final[Schema] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
    "description": "A case-folded shell glob or several; ! excludes.",
}

SCHEMAS: Final[dict[str, Schema]] = {
    "Exchange": record(
        "One configured master account.",
        name=TEXT,
        kind=TEXT,
        state={"type": "string", "enum": ["fresh", "starting", "stale", "stopped"]},
        reason=maybe(TEXT),
        accounts=COUNT,
        accounts_read=COUNT,
        last_success=maybe(TIME),
        last_listing=maybe(TIME),
        last_sweep=maybe(TIME),
        oldest_reading=maybe(TIME),
        sweep_seconds=maybe({"type": "number", "minimum": 0}),
        reads=COUNT,
        failures=COUNT,
        listings_incomplete=COUNT,
        glitches=COUNT,
        clock_offset_ms={"type": "integer"},
        banned_until=maybe(TIME),
        maintenance=maybe(TEXT),
        limits={"type": "array", "items": ref("Limit")},
    ),
    "Limit": record(
        "One limit of the venue as it is obeyed: `used` of `slots` are not free now.",
        endpoint=TEXT,
        used=COUNT,
        slots=COUNT,
        window_seconds={"type": "number", "minimum": 0},
    ),
    "Account": record(
        "One sub-account, or the master itself.",
        id=COUNT,
        exchange=TEXT,
        label=TEXT,
        venue_id=maybe(TEXT),
        email=maybe(TEXT),
        name=maybe(TEXT),
        alias=maybe(TEXT),
        master=FLAG,
        state={"type": "string", "enum": ["present", "missing", "frozen", "unlisted", "gone"]},
        present=FLAG,
        unlisted=FLAG,
        frozen=maybe(FLAG),
        listings_missed=COUNT,
        first_seen=maybe(TIME),
        failing_since=maybe(TIME),
        failing_reason=maybe(TEXT),
    ),
    "Balance": record(
        "The last known quantities of one asset in one wallet; null is not known, which is not zero.",
        exchange=TEXT,
        account=TEXT,
        account_id=COUNT,
        wallet=TEXT,
        asset=TEXT,
        amounts={"type": "object", "additionalProperties": maybe(AMOUNT)},
        changed=maybe(TIME),
        read=maybe(TIME),
    ),
    "Alert": _ALERT,
    "Outlook": _OUTLOOK,
    "Notification": record(
        "One alert event for one notifier.",
        id=COUNT,
        state={"type": "string", "enum": ["queued", "claimed", "delivered", "dead", "cancelled"]},
        notifier=TEXT,
        alert=maybe(TEXT),
        event=TEXT,
        severity=SEVERITY,
        rule=TEXT,
        exchange=maybe(TEXT),
        account=maybe(TEXT),
        asset=maybe(TEXT),
        created=maybe(TIME),
        message=maybe(TEXT),
        attempts=COUNT,
        reason=maybe(TEXT),
        settled=maybe(TIME),
    ),
    "Happened": _HAPPENED,
    "Error": record("Why it was not answered, or not done.", error=TEXT),
    "Ack": record("Who has seen it.", by={"type": "string", "minLength": 1, "maxLength": NAME_MOST}),
    "Acked": record("It is on record.", alert=TEXT, acked_by=TEXT),
    "Note": record(
        "One line for whoever looks at the alert next.",
        text={"type": "string", "minLength": 1, "maxLength": NOTE_MOST},
        by={"type": "string", "minLength": 1, "maxLength": NAME_MOST},
    ),
    "Noted": record("It is on record.", alert=TEXT, at=TIME, by=TEXT, text=TEXT),
    "Written": record("What a person wrote about an alert.", at=TIME, by=TEXT, text=TEXT),
    "Silence": {
        "type": "object",
        "description": "What shall be silent, and until when: exactly one of `for`, `until`, `until_resolved`.",
        "properties": {
            "rule": _PATTERNS,
            "exchange": _PATTERNS,
            "account": _PATTERNS,
            "asset": _PATTERNS,
            "severity": {"anyOf": [SEVERITY, {"type": "array", "items": SEVERITY, "minItems": 1}]},
            "all": {"type": "boolean", "description": "Everything, where no pattern is named."},
            "for": {"type": "string", "description": "A duration, as 4h or 1h30m."},
            "until": {**TIME, "description": "A time with its zone."},
            "until_resolved": {
                "type": "string",
                "description": "The id of the alert, silenced until it ends.",
            },
            "reason": {"type": "string", "minLength": 1},
            "by": {"type": "string", "minLength": 1, "maxLength": 100},
        },
        "required": ["reason", "by"],
        "additionalProperties": False,
    },
    "Silenced": record(
        "The silence under its id, and how many of the alerts open now it covers.",
        id=TEXT,
        silences=TEXT,
        until=maybe(TIME),
        until_resolved=maybe(TEXT),
        reason=TEXT,
        by=TEXT,
        firing=COUNT,
        pending=COUNT,
    ),
    "Unsilenced": record("It is over.", id=TEXT, ended_by=TEXT),
}
