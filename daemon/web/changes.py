"""The requests that change something: acks, notes and silences, by the forms of a page or by a program.

Each needs the `api_token` of [daemon]. Programs send it as a Bearer. The form holds it as a field, so that no page of
another site can send it for its reader, and it must come from our own page all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from daemon.orders import InvalidOrderError, RefusedOrderError
from daemon.plain import plain_note
from daemon.silencing import selection_of
from daemon.web.access import Access, Refusal
from daemon.web.actions import Actions
from daemon.web.answers import failure
from daemon.web.sessions import Session
from daemon.web.times import Clock
from rules.facts import Facts
from state.errors import StateError

__all__ = ["Changes", "form_fields"]

log = structlog.get_logger(__name__)

FIELDS_MOST = 8
UNTIL_RESOLVED = "until_resolved"
FOR_NO_REASON = "silenced on its page"
_WILD = str.maketrans({"*": "[*]", "?": "[?]", "[": "[[]"})
OVER_HTTP = "somebody with the api_token"
"""Who ended a silence, where a DELETE does not say it."""


class Changes:
    """The handlers; `access` gives the present one, which a reload replaces. Without `actions` all is refused."""

    def __init__(self, actions: Actions | None, access: Callable[[], Access]) -> None:
        self._actions = actions
        self._access = access
        self.on_change: Callable[[], None] = lambda: None

    @property
    def allowed(self) -> bool:
        """Whether anything can be changed over HTTP at all."""
        return self._actions is not None and self._access().has_token

    def session(self, request: web.Request) -> Session | None:
        """Who has logged in and asks this."""
        return self._access().session(request)

    def routes(self) -> Iterable[web.RouteDef]:
        """Every path that changes something."""
        return (
            web.post("/alerts/{id}/ack", _answered(self._ack_by_form)),
            web.post("/alerts/{id}/note", _answered(self._note_by_form)),
            web.post("/alerts/{id}/silence", _answered(self._silence_by_form)),
            web.post("/api/v1/alerts/{id}/ack", _answered(self._ack)),
            web.post("/api/v1/alerts/{id}/notes", _answered(self._note)),
            web.post("/api/v1/silences", _answered(self._silence)),
            web.delete("/api/v1/silences/{id}", _answered(self._unsilence)),
        )

    async def _ack_by_form(self, request: web.Request) -> web.Response:
        actions = self._open(f"subtally ack {_shown(request)} --by NAME")
        _, by = await self._ordered_by(request)
        await actions.ack(request.match_info["id"], by)
        self.on_change()
        return _back(request)

    async def _note_by_form(self, request: web.Request) -> web.Response:
        actions = self._open(f"subtally note {_shown(request)} TEXT --by NAME")
        fields, by = await self._ordered_by(request)
        await actions.note(request.match_info["id"], fields.get("text", ""), by)
        self.on_change()
        return _back(request)

    async def _silence_by_form(self, request: web.Request) -> web.Response:
        actions = self._open(f"subtally silence add --until-resolved {_shown(request)}")
        fields, by = await self._ordered_by(request)
        alert = await actions.find(request.match_info["id"])
        asked = {"reason": fields.get("reason", "").strip() or FOR_NO_REASON, "by": by}
        if fields.get("for") == UNTIL_RESOLVED:
            asked[UNTIL_RESOLVED] = alert.alert.id
        else:
            asked |= {"for": fields.get("for", ""), **subject_of(alert.alert.facts)}
        await actions.silence(asked)
        self.on_change()
        return _back(request)

    async def _ordered_by(self, request: web.Request) -> tuple[dict[str, str], str]:
        """The fields of a form, and whose order it is: of the session, or of who gives the token with it."""
        _stop_if(self._access().foreign(request))
        fields = await form_fields(request)
        session = self._access().session(request)
        if session is not None:
            return fields, session.by
        _stop_if(self._access().wrong_token(request, fields.get("token", "")))
        return fields, fields.get("by", "")

    async def _ack(self, request: web.Request) -> web.Response:
        actions = self._open_to(request)
        asked = await _object(request)
        by = asked.get("by")
        if not isinstance(by, str) or len(asked) != 1:
            raise _Stopped(HTTPStatus.BAD_REQUEST, 'say who acks, and no more: {"by": "kim"}')
        await actions.ack(request.match_info["id"], by)
        return web.json_response({"alert": _shown(request), "acked_by": by.strip()})

    async def _note(self, request: web.Request) -> web.Response:
        actions = self._open_to(request)
        asked = await _object(request)
        text, by = asked.get("text"), asked.get("by")
        if not isinstance(text, str) or not isinstance(by, str) or len(asked) != 2:  # noqa: PLR2004  these two
            raise _Stopped(
                HTTPStatus.BAD_REQUEST, 'say what, and who, and no more: {"text": "ticket 4711", "by": "kim"}'
            )
        made = await actions.note(request.match_info["id"], text, by)
        return web.json_response({"alert": _shown(request), **plain_note(made)}, status=HTTPStatus.CREATED)

    async def _silence(self, request: web.Request) -> web.Response:
        made = await self._open_to(request).silence(await _object(request))
        one = made.silence
        until = Clock(0, "UTC").at(one.until_ms)
        told = {
            "id": one.id,
            "silences": selection_of(one),
            "until": None if until is None else until.iso,
            "until_resolved": one.until_resolved or None,
            "reason": one.reason,
            "by": one.by,
            "firing": made.firing,
            "pending": made.pending,
        }
        return web.json_response(told, status=HTTPStatus.CREATED)

    async def _unsilence(self, request: web.Request) -> web.Response:
        by = request.query.get("by", OVER_HTTP)
        await self._open_to(request).unsilence(request.match_info["id"], by)
        return web.json_response({"id": _shown(request), "ended_by": by.strip()})

    def _open(self, instead: str) -> Actions:
        if self._actions is None or not self._access().has_token:
            text = f"nothing can be changed over HTTP without api_token in [daemon]; use {instead}"
            raise _Stopped(HTTPStatus.FORBIDDEN, text)
        return self._actions

    def _open_to(self, request: web.Request) -> Actions:
        actions = self._open("the command `subtally`")
        _stop_if(self._access().not_allowed(request))
        return actions


class _Stopped(Exception):  # noqa: N818  it is an answer
    """What to answer instead."""

    def __init__(self, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


def _answered(handler: Handler) -> Handler:
    """The handler, with what it raises as an answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except _Stopped as stopped:
            return failure(request, stopped.status, str(stopped), stopped.headers)
        except InvalidOrderError as error:
            return failure(request, HTTPStatus.BAD_REQUEST, str(error))
        except RefusedOrderError as error:
            return failure(
                request, HTTPStatus.NOT_FOUND if error.missing else HTTPStatus.CONFLICT, str(error)
            )
        except StateError as error:
            log.warning("http.not_ordered", path=request.rel_url.raw_path, reason=str(error))
            text = "the state cannot be written: nothing was done, try again"
            return failure(request, HTTPStatus.SERVICE_UNAVAILABLE, text)

    return answer


def _stop_if(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise _Stopped(refusal.status, refusal.text, refusal.headers)


def subject_of(facts: Facts) -> dict[str, str]:
    """The keys of a silence for what an alert is about, also when it fires anew under another id."""
    named = {"rule": facts.rule, "exchange": facts.exchange, "account": facts.label, "asset": facts.asset}
    return {key: _literally(text) for key, text in named.items() if text}


def _literally(text: str) -> str:
    """As a pattern that matches this text alone."""
    return ("?" if text.startswith("!") else text[:1].translate(_WILD)) + text[1:].translate(_WILD)


def _back(request: web.Request) -> web.Response:
    """To the page of the alert. Relative: a proxy may serve us under a path of its own."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"../{_shown(request)}"})


async def form_fields(request: web.Request) -> dict[str, str]:
    """Of a form as a browser sends it."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise _Stopped(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the form of the page")
    try:
        return dict(parse_qsl((await request.read()).decode(), max_num_fields=FIELDS_MOST))
    except ValueError:
        raise _Stopped(HTTPStatus.BAD_REQUEST, "send the form of the page") from None


async def _object(request: web.Request) -> Mapping[str, Any]:
    if request.content_type != "application/json":
        raise _Stopped(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")
    try:
        asked = json.loads(await request.read())
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise _Stopped(HTTPStatus.BAD_REQUEST, "the body must be one JSON object")
    return asked


def _shown(request: web.Request) -> str:
    """The id of the path, as it was accepted or as far as it may be repeated."""
    ident = request.match_info["id"].upper()
    return ident if ident.isascii() and ident.isalnum() else "ID"
