"""The page of `tintmill web`.

GET /                          the page
POST /pictures                 a picture file as the body: {"id", "width", "height", "has_colours"}
GET /pictures/ID/original      its preview in the colours that it came with, JPEG
POST /pictures/ID/view         the coloured picture, or a part of it, JPEG
POST /pictures/ID/probable     {"colors": what the network finds probable at a pixel}
POST /pictures/ID/download     the whole picture, coloured
DELETE /pictures/ID            forgets the picture
POST /forget                   forgets the pictures whose ids are the lines of the body

The bodies of the requests about a picture are JSON, see `look.Request`. What is refused is answered with {"error": one
line}. The network runs for one request at a time; other requests wait in line. It does not run for another strength or
warmth, nor for a part of a picture.
"""

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

from tintmill.launch.pages.colouring import look
from tintmill.launch.pages.colouring.about import About
from tintmill.launch.pages.colouring.gallery import Forgotten, Gallery
from tintmill.launch.pages.whole_request import WholeRequest
from tintmill.pipeline.common.display import escape_controls
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo

_HERE = os.path.dirname(__file__)
_MOST_WAITING = 40  # uploads held at once: more would fill the memory before the network sees them
_MOST_WAITING_BYTES = 400_000_000  # of these uploads together, where there is more than one
_DECODERS = 4  # pictures that are decoded at once, outside the turn of the network
# The formats of pipeline.imaging.photo, by the names that people know.
_FORMATS = "JPEG, PNG, WebP, AVIF, JPEG 2000, TIFF, GIF, BMP or PPM"
_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".tif": "image/tiff"}


class _Refused(Exception):
    """A request that is answered with a status and one line."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


def build(gallery: Gallery, max_bytes: int, about: About | None = None, most_waiting: int = _MOST_WAITING) -> Starlette:
    """The ASGI app: a page that colours the pictures that are dropped on it.

    Args:
      max_bytes: of a file; larger ones are refused.
      about: what the page says of the model; None: its name alone.
      most_waiting: uploads that wait for the network at once; more are told to try again.
    """
    pages = _Pages(gallery, max_bytes, about or About(gallery.provenance["model"]), most_waiting)
    return Starlette(
        routes=[
            Route("/", pages.start),
            Route("/pictures", pages.add, methods=["POST"]),
            Route("/pictures/{id}", pages.remove, methods=["DELETE"]),
            Route("/pictures/{id}/original", pages.original),
            Route("/pictures/{id}/view", pages.view, methods=["POST"]),
            Route("/pictures/{id}/probable", pages.probable, methods=["POST"]),
            Route("/pictures/{id}/download", pages.download, methods=["POST"]),
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
    def __init__(self, gallery: Gallery, max_bytes: int, about: About, most_waiting: int):
        self._gallery = gallery
        self._most_waiting = most_waiting
        self._waiting, self._waiting_bytes = 0, 0
        self._turn = anyio.Lock()  # whoever holds it may run the network for what is seen
        self._downloads = anyio.Lock()  # one picture is coloured at full size at a time, for the memory
        self._decoders = anyio.CapacityLimiter(_DECODERS)  # a picture that takes long holds up one of them, not all
        self._large = anyio.CapacityLimiter(1)  # and of large ones there is one at a time, for the memory
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._page = environment.get_template("page.html.jinja").render(
            about=about,
            has_bins=gallery.has_bins,
            takes_hints=gallery.takes_hints,
            formats=_FORMATS,
            max_bytes=max_bytes,
            max_pixels=gallery.limits.max_pixels,
            look=look,
        )

    def start(self, request: Request) -> Response:
        return HTMLResponse(self._page)

    async def add(self, request: Request) -> Response:
        body = await request.body()
        if self._waiting >= self._most_waiting or (
            self._waiting and self._waiting_bytes + len(body) > _MOST_WAITING_BYTES
        ):
            raise _Refused(503, f"{self._waiting} pictures are waiting already; try again in a moment")
        self._waiting += 1
        self._waiting_bytes += len(body)
        try:
            is_large = await anyio.to_thread.run_sync(self._gallery.is_large, body, limiter=self._decoders)
            limiter = self._large if is_large else self._decoders
            decoded = await anyio.to_thread.run_sync(self._gallery.decode, body, limiter=limiter)
            added = await self._with_network(self._gallery.add, decoded)
        finally:
            self._waiting -= 1
            self._waiting_bytes -= len(body)
        width, height = added.size
        answer = {"id": added.name, "width": width, "height": height, "has_colours": added.has_colours}
        return JSONResponse(answer, 201)

    def original(self, request: Request) -> Response:
        return Response(self._gallery.original(request.path_params["id"], None), media_type="image/jpeg")

    async def view(self, request: Request) -> Response:
        id, asked = await self._read_asked(request)
        data = await run_in_threadpool(self._gallery.view, id, asked.look, asked.box, asked.side)
        return Response(data, media_type="image/jpeg")

    async def probable(self, request: Request) -> Response:
        id, asked = await self._read_asked(request)
        return JSONResponse({"colors": self._gallery.probable(id, asked.look, asked.point)})

    async def download(self, request: Request) -> Response:
        id, asked = await self._read_request(request)
        async with self._downloads:
            coloured = await run_in_threadpool(self._gallery.coloured, id, asked.look)
        name = escape_controls(os.path.splitext(asked.name)[0].replace("/", "_")) or "picture"
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

    async def _read_asked(self, request: Request) -> tuple[str, look.Request]:
        """A picture's id and what is asked of it; what the network says to it is held from now on."""
        id, asked = await self._read_request(request)
        if not self._gallery.has(id, asked.look):
            await self._with_network(self._gallery.predict, id, asked.look)
        return id, asked

    async def _read_request(self, request: Request) -> tuple[str, look.Request]:
        id = request.path_params["id"]
        try:
            asked = look.parse_request(await request.body(), self._gallery.size(id))
        except (ValueError, TintmillError) as error:
            raise _Refused(400, " ".join(str(error).split())) from error
        if asked.look.temperature is not None and not self._gallery.has_bins:
            raise _Refused(400, "temperature: the model that colours here predicts without bins, and has none")
        if asked.look.variant and not self._gallery.has_bins:
            raise _Refused(400, "variant: the model that colours here predicts without bins, and knows of no others")
        if asked.look.hints and not self._gallery.takes_hints:
            raise _Refused(400, f"{len(asked.look.hints)} hints: the model that colours here takes none")
        return id, asked


def _answer_refused(request: Request, error: _Refused) -> Response:
    return JSONResponse({"error": str(error)}, error.status)


def _answer_failed(request: Request, error: TintmillError) -> Response:
    return JSONResponse({"error": str(error)}, 500)


def _answer_forgotten(request: Request, error: Forgotten) -> Response:
    return JSONResponse({"error": "no longer held here; send it again"}, 404)
