"""The page of `tintmill web`.

GET /                                  the page
POST /pictures                         a picture file as the body: {"id", "width", "height"}, or {"error": one line}
GET /pictures/ID/grey                  its preview without colours
GET /pictures/ID/coloured              its coloured preview; ?chroma= and ?temperature=
GET /pictures/ID/download?name=        the whole picture, coloured; ?chroma= and ?temperature= too
DELETE /pictures/ID                    forgets the picture
POST /forget                           forgets the pictures whose ids are the lines of the body

The network runs for one request at a time; other requests wait in line. A new chroma does not run the network.
"""

import math
import os
from urllib.parse import quote

import anyio
import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tintmill.launch.pages.colouring.gallery import Forgotten, Gallery
from tintmill.launch.pages.whole_request import WholeRequest
from tintmill.pipeline.common.display import escape_controls
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo

_HERE = os.path.dirname(__file__)
_MOST_WAITING = 40  # uploads held at once: more would fill the memory before the network sees them
_DECODERS = 4  # pictures that are decoded at once, outside the turn of the network
_GREATEST_CHROMA = 2.0
_GREATEST_TEMPERATURE = 1.0
# The formats of pipeline.imaging.photo, by the names that people know.
_FORMATS = "JPEG, PNG, WebP, AVIF, JPEG 2000, TIFF, GIF, BMP or PPM"
_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".tif": "image/tiff"}


class _Refused(Exception):
    """A request that is answered with a status and one line."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


def build(gallery: Gallery, max_bytes: int, most_waiting: int = _MOST_WAITING) -> Starlette:
    """The ASGI app: a page that colours the pictures that are dropped on it.

    Args:
      max_bytes: of a file; larger ones are refused.
      most_waiting: uploads that wait for the network at once; more are told to try again.
    """
    pages = _Pages(gallery, max_bytes, most_waiting)
    return Starlette(
        routes=[
            Route("/", pages.start),
            Route("/pictures", pages.add, methods=["POST"]),
            Route("/pictures/{id}", pages.remove, methods=["DELETE"]),
            Route("/pictures/{id}/grey", pages.grey),
            Route("/pictures/{id}/coloured", pages.preview),
            Route("/pictures/{id}/download", pages.download),
            Route("/forget", pages.forget, methods=["POST"]),
            Mount("/static", StaticFiles(directory=os.path.join(_HERE, "static"))),
        ],
        exception_handlers={
            _Refused: _answer_refused,
            Forgotten: _answer_forgotten,
            photo.Rejected: pages.answer_rejected,
            TintmillError: _answer_failed,
        },
        middleware=[Middleware(WholeRequest, max_bytes=max_bytes)],
    )


class _Pages:
    def __init__(self, gallery: Gallery, max_bytes: int, most_waiting: int):
        self._gallery = gallery
        self._most_waiting = most_waiting
        self._waiting = 0
        self._turn = anyio.Lock()  # whoever holds it may run the network
        self._decoders = anyio.CapacityLimiter(_DECODERS)  # a picture that takes long holds up one of them, not all
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._page = environment.get_template("page.html.jinja").render(
            has_bins=gallery.has_bins,
            formats=_FORMATS,
            max_bytes=max_bytes,
            max_pixels=gallery.limits.max_pixels,
            greatest_chroma=_GREATEST_CHROMA,
            greatest_temperature=_GREATEST_TEMPERATURE,
        )

    def start(self, request: Request) -> Response:
        return HTMLResponse(self._page)

    async def add(self, request: Request) -> Response:
        if self._waiting >= self._most_waiting:
            raise _Refused(503, f"{self._waiting} pictures are waiting already; try again in a moment")
        self._waiting += 1
        try:
            body = await request.body()
            decoded = await anyio.to_thread.run_sync(self._gallery.decode, body, limiter=self._decoders)
            id, (width, height) = await self._with_network(self._gallery.add, decoded)
        finally:
            self._waiting -= 1
        return JSONResponse({"id": id, "width": width, "height": height}, 201)

    def grey(self, request: Request) -> Response:
        return Response(self._gallery.grey(request.path_params["id"]), media_type="image/jpeg")

    async def preview(self, request: Request) -> Response:
        id = request.path_params["id"]
        temperature, chroma = self._read_sliders(request)
        if not self._gallery.has(id, temperature):
            await self._with_network(self._gallery.predict, id, temperature)
        data = await run_in_threadpool(self._gallery.preview, id, temperature, chroma)
        return Response(data, media_type="image/jpeg")

    async def download(self, request: Request) -> Response:
        temperature, chroma = self._read_sliders(request)
        id = request.path_params["id"]
        coloured = await self._with_network(self._gallery.coloured, id, temperature, chroma)
        name = escape_controls(os.path.splitext(request.query_params.get("name", ""))[0].replace("/", "_")) or "picture"
        disposition = f"attachment; filename*=UTF-8''{quote(f'{name}_coloured{coloured.extension}', safe='')}"
        kind = _TYPES.get(coloured.extension, "application/octet-stream")
        return Response(coloured.data, media_type=kind, headers={"Content-Disposition": disposition})

    def remove(self, request: Request) -> Response:
        self._gallery.remove(request.path_params["id"])
        return Response(status_code=204)

    async def forget(self, request: Request) -> Response:
        for id in (await request.body()).decode(errors="replace").split():
            self._gallery.remove(id)
        return Response(status_code=204)

    def answer_rejected(self, request: Request, rejected: photo.Rejected) -> Response:
        reason = photo.REASONS[rejected.code]
        if rejected.code == "not_a_picture":
            reason += f"; wanted {_FORMATS}"
        if rejected.code == "too_many_pixels":
            reason = f"more than {self._gallery.limits.max_pixels / 1e6:g} megapixels, the most that is taken here"
        return JSONResponse({"error": reason}, 422)

    async def _with_network(self, function, *arguments):
        """Waits its turn without holding a thread, so that previews go on meanwhile."""
        async with self._turn:
            return await run_in_threadpool(function, *arguments)

    def _read_sliders(self, request: Request) -> tuple[float | None, float]:
        """(temperature, chroma); a temperature of None is the network's own."""
        chroma = _read_number(request, "chroma", 0.0, _GREATEST_CHROMA)
        temperature = _read_number(request, "temperature", 0.0, _GREATEST_TEMPERATURE)
        if temperature is not None and (temperature == 0 or not self._gallery.has_bins):
            raise _Refused(400, "temperature: wanted more than 0, and a network with bins")
        return temperature, 1.0 if chroma is None else chroma


def _read_number(request: Request, name: str, least: float, greatest: float) -> float | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= greatest:
        raise _Refused(400, f"{name}: wanted a number from {least:g} to {greatest:g}")
    return value


def _answer_refused(request: Request, error: _Refused) -> Response:
    return JSONResponse({"error": str(error)}, error.status)


def _answer_failed(request: Request, error: TintmillError) -> Response:
    return JSONResponse({"error": str(error)}, 500)


def _answer_forgotten(request: Request, error: Forgotten) -> Response:
    return JSONResponse({"error": "no longer held here; send it again"}, 404)
