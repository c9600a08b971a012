"""What is on record as JSON values, the same for commands and the API: amounts are exact text, times ISO in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from daemon.silencing import selection_of
from daemon.snapshot import ExchangeView
from rules.facts import Facts
from rules.outcome import Transition
from rules.records import Note
from rules.ruleset import Silence
from rules.world import Account
from state.codec import from_json
from state.history import Happened, Tried
from state.orders import Order
from state.queries import AlertRow, BalanceRow, NotificationRow
from state.reads import Reads

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def iso(at_ms: int | None) -> str | None:
    """`2026-01-31T23:59:59.123Z`; None where there was no such time."""
    if at_ms is None:
        return None
    try:
        at = _EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return None
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def plain_alert(row: AlertRow) -> dict[str, Any]:
    """One alert, with the facts of its end where it has ended."""
    alert, facts = row.alert, told_facts(row)
    return {
        "id": alert.id,
        "state": row.state,
        "severity": alert.severity.value,
        "rule": alert.rule,
        "type": alert.type,
        "exchange": facts.exchange,
        "account": facts.label or None,
        "account_id": alert.key.subject.account,
        "wallet": facts.wallet or None,
        "wallets": list(facts.wallets),
        "asset": facts.asset or None,
        "field": facts.field or None,
        "quote": facts.quote or None,
        "headline": facts.headline or None,
        "value": facts.value,
        "perhaps": facts.perhaps,
        "sign": facts.sign or None,
        "threshold": facts.threshold,
        "clear_at": facts.clear_at,
        "before": facts.before,
        "window_ms": facts.window_ms,
        "outlook": None if facts.outlook is None else asdict(facts.outlook),
        "since": iso(alert.since_ms),
        "fired": iso(alert.fired_ms),
        "read": iso(facts.read_ms),
        "ended": iso(row.ended_ms),
        "reason": row.reason or facts.reason or None,
        "details": list(facts.details),
        "told": sorted(alert.told),
        "acked": iso(alert.acked_ms),
        "acked_by": alert.acked_by or None,
        "notes": [plain_note(one) for one in row.notes],
        "runbook": facts.runbook or None,
        "description": facts.description or None,
    }


def plain_note(note: Note) -> dict[str, Any]:
    """What a person wrote about an alert."""
    return {"at": iso(note.at_ms), "by": note.by, "text": note.text}


def told_facts(row: AlertRow) -> Facts:
    """As last judged, or as its end was told."""
    return row.alert.facts if row.ending is None else row.ending


def plain_exchange(view: ExchangeView) -> dict[str, Any]:
    """One exchange as the running daemon sees it."""
    return {
        "name": view.name,
        "kind": view.kind,
        "state": view.state,
        "reason": view.reason or None,
        "accounts": view.accounts,
        "accounts_read": view.selected,
        "last_success": iso(view.last_success_ms),
        "last_listing": iso(view.last_listing_ms),
        "last_sweep": iso(view.swept_ms),
        "oldest_reading": iso(view.oldest_reading_ms),
        "sweep_seconds": None if view.sweep_ms is None else view.sweep_ms / 1000,
        "reads": view.reads,
        "failures": view.failures,
        "listings_incomplete": view.incomplete,
        "glitches": view.glitches,
        "clock_offset_ms": view.clock_offset_ms,
        "banned_until": iso(view.banned_until_ms),
        "maintenance": view.maintenance or None,
        "limits": [
            {
                "endpoint": usage.endpoint,
                "used": usage.used,
                "slots": usage.slots,
                "window_seconds": usage.window_seconds,
            }
            for usage in view.usage
        ],
    }


def plain_account(account: Account) -> dict[str, Any]:
    """One account with every name it has."""
    identity = account.identity
    return {
        "id": account.key,
        "exchange": account.exchange,
        "label": account.label,
        "venue_id": identity.venue_id,
        "email": identity.email,
        "name": identity.name,
        "alias": identity.alias,
        "master": account.master,
        "state": state_of(account),
        "present": account.present,
        "unlisted": account.unlisted,
        "frozen": account.frozen,
        "listings_missed": account.missing,
        "first_seen": iso(account.first_seen_ms or None),
        "failing_since": iso(account.failing_since_ms),
        "failing_reason": account.failing_reason or None,
    }


def state_of(account: Account) -> str:
    """The gravest thing that listings say of an account, in one word."""
    if not account.present:
        return "gone"
    if account.unlisted:
        return "unlisted"
    if account.frozen:
        return "frozen"
    return "missing" if account.missing else "present"


def plain_balance(row: BalanceRow) -> dict[str, Any]:
    """One balance: an amount that is not known is null, which is not zero (law 1)."""
    return {
        "exchange": row.exchange,
        "account": row.label,
        "account_id": row.account,
        "wallet": row.wallet,
        "asset": row.asset,
        "amounts": {field: text or None for field, text in row.amounts.items()},
        "changed": iso(row.changed_ms),
        "read": iso(row.read_ms),
    }


def plain_notification(row: NotificationRow) -> dict[str, Any]:
    """One outbox row."""
    told = row.notification
    return {
        "id": row.id,
        "state": row.state,
        "notifier": told.notifier,
        "alert": told.alert or None,
        "event": told.kind.value,
        "severity": told.severity.value,
        "rule": told.facts.rule,
        "exchange": told.facts.exchange or None,
        "account": told.facts.label or None,
        "asset": told.facts.asset or None,
        "created": iso(told.created_ms),
        "message": row.message,
        "attempts": row.attempts,
        "reason": row.reason or None,
        "settled": iso(row.settled_ms),
    }


def plain_happened(one: Happened, labels: Mapping[int, str]) -> dict[str, Any]:
    """One line of the record; `labels` names accounts by their keys."""
    return {"at": iso(one.at_ms), **_told(one.what, labels)}


def _told(what: Transition | NotificationRow | Tried | Order, labels: Mapping[int, str]) -> dict[str, Any]:
    match what:
        case Transition():
            return {**_plain_step(what), "account": label_of(what, labels) or None}
        case NotificationRow():
            return _told_notification(what)
        case Tried():
            return _plain_attempt(what)
        case Order():
            return _plain_order(what)


def _plain_step(step: Transition) -> dict[str, Any]:
    return {
        "event": "transition",
        "alert": step.alert,
        "rule": step.rule,
        "exchange": step.key.subject.exchange or None,
        "account_id": step.key.subject.account,
        "before": step.before or None,
        "after": step.after,
        "severity": step.severity.value,
        "value": step.value,
        "reason": step.reason or None,
    }


def _told_notification(row: NotificationRow) -> dict[str, Any]:
    told = row.notification
    return {
        "event": "notification",
        "alert": told.alert or None,
        "notifier": told.notifier,
        "kind": told.kind.value,
        "state": row.state,
        "message": row.message,
        "settled": iso(row.settled_ms),
    }


def _plain_attempt(tried: Tried) -> dict[str, Any]:
    attempt = tried.attempt
    return {
        "event": "attempt",
        "message": attempt.message,
        "notifier": attempt.notifier,
        "outcome": attempt.outcome,
        "reason": attempt.reason or None,
        "alerts": list(tried.alerts),
    }


def _plain_order(order: Order) -> dict[str, Any]:
    what = {"ack": "alert", "note": "alert", "retry": "message", "rules": "digest"}.get(order.kind, "silence")
    told: dict[str, Any] = {"event": order.kind, what: order.subject, "by": order.by}
    if order.kind == "rules":
        return told | {"changed": order.body}
    if order.kind == "note":
        return told | {"text": order.body}
    made = silence_in(order)
    if made is not None:
        told |= {"silences": selection_of(made), "until": iso(made.until_ms), "reason": made.reason}
        told["until_resolved"] = made.until_resolved or None
    return told


def silence_in(order: Order) -> Silence | None:
    """The silence that an order made; None where it made none."""
    return from_json(Silence, order.body) if order.kind == "silence" else None


def label_of_keys(store: Reads, rows: Iterable[Happened]) -> Mapping[int, str]:
    """The labels of the accounts that these lines are about."""
    keys = {one.what.key.subject.account for one in rows if isinstance(one.what, Transition)}
    found = ((key, store.account(key)) for key in keys if key is not None)
    return {key: account.label for key, account in found if account is not None}


def label_of(step: Transition, labels: Mapping[int, str]) -> str:
    """The account that a step is about, "" where it is about none."""
    account = step.key.subject.account
    return "" if account is None else labels.get(account, f"account {account}")
