"""The headers of every answer: nothing foreign is run, nothing framed, guessed, cached or sent to other sites."""

from __future__ import annotations

from aiohttp import hdrs, web

__all__ = ["SECURITY", "secure"]

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser would send our own form with Origin: null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


async def secure(_: web.BaseRequest, response: web.StreamResponse) -> None:
    """For `on_response_prepare`, which sees errors too; a middleware would miss those."""
    kept = response.headers.get(hdrs.CACHE_CONTROL, SECURITY[hdrs.CACHE_CONTROL])  # where there is an ETag
    response.headers.update(SECURITY)
    response.headers[hdrs.CACHE_CONTROL] = kept
    response.headers.popall(hdrs.SERVER, None)
