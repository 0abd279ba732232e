"""Reads a whole request before the app sees any of it, so that no queue, lock or thread waits for a client's network.

A body beyond the limit is never held. It is read on for a while, so that its sender gets the answer and not a broken
connection.
"""

from collections.abc import Callable

from starlette.responses import JSONResponse

_DRAINED = 8  # times the limit that is read of a body that is too large


class WholeRequest:
    """An ASGI app that calls `app` with a body that is there.

    Args:
      max_bytes: of a body; larger ones are answered with 413.
    """

    def __init__(self, app: Callable, max_bytes: int):
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        body, length, more = bytearray(), 0, True
        while more and length <= _DRAINED * self._max_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part, more = message.get("body", b""), message.get("more_body", False)
            length += len(part)
            if length <= self._max_bytes:
                body += part
            else:
                body.clear()
        if length > self._max_bytes:
            return await self._refuse(scope, receive, send)
        return await self._app(scope, _replay(bytes(body), receive), send)

    async def _refuse(self, scope, receive, send):
        reason = f"more than {self._max_bytes / 1e6:g} MB, which is the most that is taken here"
        # Without closing, the server would read to the end what is left of the body.
        return await JSONResponse({"error": reason}, 413, {"Connection": "close"})(scope, receive, send)


def _replay(body: bytes, receive: Callable) -> Callable:
    """What an app calls to receive: the body in one piece, then whatever comes after it."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_whole():
        return left.pop() if left else await receive()

    return receive_whole
