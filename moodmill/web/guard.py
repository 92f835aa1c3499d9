"""Who may ask for a page, and what a page may do: nobody else's page or machine, and nothing from elsewhere."""

import secrets
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Names by which a machine calls itself.
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
#: With the port: browsers send the cookies of a host to all of its ports.
COOKIE: Final = "moodmill-token-{port}"
_HEADERS: Final = {
    "cache-control": "no-cache",  # after an upgrade, pages and modules must be of one version
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware: answers requests by a name of ours, and, where there is a token, by who knows it."""

    def __init__(self, app: ASGIApp, policy: str, hosts: Collection[str] | None, token: str | None) -> None:
        """`policy`: the Content-Security-Policy; `hosts`: names that are ours, None: any; `token`: None: none asked."""
        self._app, self._hosts, self._token = app, hosts, token
        self._headers: Mapping[str, str] = _HEADERS | {"content-security-policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        refusal = self._refuse(scope, Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the answer to a request that goes no further."""
        # A name that somebody else's server resolves to this machine would let that server's pages read ours.
        if self._hosts is not None and _host(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("this is not the host that was asked for", 421)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and scope["method"] != "GET":
            return PlainTextResponse("only the pages of this host may ask", 403)
        if self._token is None:
            return None
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        told, cookie = dict(given).get("token"), COOKIE.format(port=(scope.get("server") or ("", ""))[1])
        if told is not None and secrets.compare_digest(told.encode(), self._token.encode()):
            rest = urlencode([(name, value) for name, value in given if name != "token"])
            there = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
            # Lax: the address may stand in somebody's mail. What others' pages send is refused above.
            there.set_cookie(cookie, self._token, httponly=True, samesite="lax")
            return there
        kept = cookie_parser(headers.get("cookie", "")).get(cookie)
        if kept is not None and secrets.compare_digest(kept.encode(), self._token.encode()):
            return None
        return PlainTextResponse("open the address with the token that `moodmill explore` printed", 401)


def _host(header: str) -> str:
    """Return the name in a Host header, without a port."""
    name, colon, port = header.rpartition(":")
    return (name if colon and port.isdigit() else header).lower().removesuffix(".")
