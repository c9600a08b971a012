"""The OpenAPI 3.1 document of the API, made from what is served: the same parameters, the same schemas."""

from __future__ import annotations

import json
from typing import Any, Final

from daemon.version import VERSION
from daemon.web.api import COLLECTIONS, Collection
from daemon.web.asked import Parameter
from daemon.web.schemas import SCHEMAS, page_of, ref

__all__ = ["document", "document_text"]

_READ: Final = ("400", "401", "403", "421", "429", "503")
_CHANGED: Final = ("400", "401", "403", "404", "409", "413", "415", "421", "429", "503")
_WHY: Final = {
    "400": "The request makes no sense.",
    "401": "The api_token is wanted: always to change something, off loopback to read, too.",
    "403": "This is not the token, or the request comes from another site's page.",
    "404": "There is nothing of that name or id.",
    "409": "It cannot be done as things are.",
    "413": "The body is too large.",
    "415": "The body must be application/json.",
    "421": "This Host is not served.",
    "429": "Too many wrong tokens: Retry-After says when to try again.",
    "503": "The state cannot be read or written now, or the answer took too long.",
}
_ETAG: Final = {"ETag": {"schema": {"type": "string"}, "description": "For If-None-Match."}}


def document() -> dict[str, Any]:
    """The whole document as JSON values."""
    paths: dict[str, Any] = {"/api/v1/exchanges": {"get": _exchanges()}}
    for collection in COLLECTIONS:
        paths[f"/api/v1/{collection.name}"] = {"get": _collection(collection)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Subtally",
            "version": VERSION,
            "summary": "What is known of the sub-accounts, what is wrong, and who was told.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": paths | _changes(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The api_token of [daemon]."}
            },
            "schemas": SCHEMAS,
        },
    }


def document_text() -> str:
    """The document as it is served and kept in docs/openapi.json."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _exchanges() -> dict[str, Any]:
    return {
        "operationId": "exchanges",
        "summary": "Every exchange with its health, its last sweep and what is used of its limits.",
        "responses": _page_responses("Exchange"),
    }


def _collection(collection: Collection) -> dict[str, Any]:
    named = {"account"} & {parameter.name for parameter in collection.parameters}
    return {
        "operationId": collection.name,
        "summary": collection.text,
        "parameters": [_parameter(parameter) for parameter in collection.parameters],
        "responses": _page_responses(collection.item, *(("404",) if named else ())),
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.text,
        "schema": parameter.schema,
    }


def _page_responses(item: str, *more: str) -> dict[str, Any]:
    ok = {"description": "One page.", "headers": _ETAG, "content": _json(page_of(item))}
    same = {"description": "What If-None-Match names is still so.", "headers": _ETAG}
    return {"200": ok, "304": same, **_errors(*_READ, *more)}


def _errors(*codes: str) -> dict[str, Any]:
    return {code: {"description": _WHY[code], "content": _json(ref("Error"))} for code in sorted(codes)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _changes() -> dict[str, Any]:
    ident = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "/api/v1/alerts/{id}/ack": {
            "post": _change("ack", "Say that a person has seen a firing alert.", "200", "Acked", "Ack", ident)
        },
        "/api/v1/alerts/{id}/notes": {
            "post": _change("note", "Write down something about an alert.", "201", "Noted", "Note", ident)
        },
        "/api/v1/silences": {
            "post": _change("silence", "Tell nothing for a while.", "201", "Silenced", "Silence")
        },
        "/api/v1/silences/{id}": {
            "delete": {
                "operationId": "unsilence",
                "summary": "End a silence before its time.",
                "security": [{"token": []}],
                "parameters": [
                    ident,
                    {
                        "name": "by",
                        "in": "query",
                        "required": False,
                        "description": "Who ends it.",
                        "schema": {"type": "string", "minLength": 1, "maxLength": 100},
                    },
                ],
                "responses": {
                    "200": {"description": "Done, and durable.", "content": _json(ref("Unsilenced"))},
                    **_errors(*_CHANGED),
                },
            }
        },
    }


def _change(
    operation: str, summary: str, code: str, answer: str, body: str, *parameters: dict[str, Any]
) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "security": [{"token": []}],
        "parameters": list(parameters),
        "requestBody": {"required": True, "content": _json(ref(body))},
        "responses": {
            code: {"description": "Done, and durable.", "content": _json(ref(answer))},
            **_errors(*_CHANGED),
        },
    }


if __name__ == "__main__":
    import sys

    sys.stdout.write(document_text())
