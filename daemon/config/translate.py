"""Pydantic's errors in the words of the file: what is wrong, what is allowed, what was perhaps meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daemon.config.books_models import PLAIN, REFERENCE
from daemon.config.errors import KeyPath
from daemon.config.models import Templates
from daemon.config.reconcile_models import Tolerance
from daemon.config.report import Scope
from daemon.config.rule_common import AMOUNT, CSV, TABLE, TIERS, Tiers
from daemon.config.tables import REFERENCE_HINT, SecretReference
from daemon.config.wording import either, kind_of, nearest, one_of, shown, suggestion

Model = TypeVar("Model", bound=BaseModel)

_SECRET_KEYS = frozenset({"api_key", "api_secret", "passphrase", "url", "api_token", "heartbeat_url"})
_UNIONS = frozenset({"below", "below_by", "above", "empties_within", "env"})
_TAGS = frozenset({AMOUNT, TIERS, TABLE, CSV, PLAIN, REFERENCE, "[key]"})
_NESTED: Mapping[str, type[BaseModel]] = {
    "tolerance": Tolerance,
    "env": SecretReference,
    "templates": Templates,
}
_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


def validated(
    model: type[Model], table: Mapping[str, Any], scope: Scope, section: str
) -> tuple[Model | None, Scope]:
    """The table as its model, and the scope for further checks.

    Every error is reported. Where the rest of the table can stand without its refused keys, the model holds
    that rest, so that it is checked too; where it cannot, there is no model.
    """
    try:
        return model.model_validate(table), scope
    except ValidationError as error:
        details = error.errors(include_url=False)
    broken = frozenset(str(detail["loc"][0]) for detail in details if detail["type"] != "missing")
    # A key that was misspelt is not missing too.
    meant = frozenset(nearest(key, keys_of(model)) for key in broken - set(keys_of(model))) - set(table)
    for detail in details:
        if detail["type"] != "missing" or detail["loc"][0] not in meant:
            _report(detail, model, scope, section)
    try:
        rest = model.model_validate({key: value for key, value in table.items() if key not in broken})
    except ValidationError:
        return None, scope
    return rest, replace(scope, broken=broken | meant)


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a table as the file writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _report(detail: ErrorDetails, model: type[BaseModel], scope: Scope, section: str) -> None:
    path, context = _path_in_file(detail["loc"]), detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            _refuse_unknown_key(scope, path, model, section)
        case "missing":
            hint = REFERENCE_HINT if path[-1] in _SECRET_KEYS else ""
            scope.problem_of_key(path, "is required and missing", hint)
        case "literal_error":
            _refuse_word(scope, path, detail["input"], re.findall(r"'([^']*)'", context["expected"]))
        case "fault" if detail["loc"][-1] == "[key]":
            scope.problem_of_key(path, context["message"], context["hint"])
        case "fault":
            scope.problem(path, context["message"], context["hint"])
        case "greater_than_equal":
            scope.problem(path, f"must be at least {context['ge']}")
        case "less_than_equal":
            scope.problem(path, f"must be at most {context['le']}")
        case "too_short" | "string_too_short":
            scope.problem(path, "must not be empty")
        case kind if kind in _WANTED:
            scope.problem(path, f"must be {_WANTED[kind]}, not {kind_of(detail['input'])}")
        case _:
            scope.problem(path, "is not valid here")


def _path_in_file(path: KeyPath) -> KeyPath:
    """Without the tags of unions, which pydantic puts after a key; a key of the file may look the same."""
    if path[0] not in _UNIONS:
        return path
    kept: list[str | int] = []
    tagged = True
    for part in path:
        tagged = not tagged and part in _TAGS
        if not tagged:
            kept.append(part)
    return tuple(kept)


def _refuse_unknown_key(scope: Scope, path: KeyPath, model: type[BaseModel], section: str) -> None:
    key = str(path[-1])
    if len(path) > 1:
        inner = _NESTED.get(str(path[0]), Tiers)
        known = keys_of(SecretReference if path[0] in _SECRET_KEYS else inner)
    elif section == "exchange" and key == "passphrase":
        scope.problem_of_key(path, "a key of this kind has none", "leave it out")
        return
    else:
        known = keys_of(model)
    scope.problem_of_key(path, "unknown key", suggestion(key, known) or one_of(known))


def _refuse_word(scope: Scope, path: KeyPath, written: object, allowed: list[str]) -> None:
    if isinstance(written, str):
        scope.problem(path, f"{shown(written)} is not known here", either(written, allowed))
    else:
        scope.problem(path, f"must be text, not {kind_of(written)}", one_of(allowed))
