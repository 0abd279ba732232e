"""The pages of a study. A participant's browser is told nothing that gives an answer away.

GET /                  instructions, which the script skips where this browser has begun
POST /begin            the participant of the cookie, or a new one; {"again": true}: a new one where all is answered
GET /next              the next question, or that all are answered
POST /answer           {"number", "answer", "milliseconds"} of a question that was shown: stored, then acknowledged; in
                       practice with the truth
GET /picture/TOKEN     a picture of a question
"""

import os
import random
import sys

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tintmill.launch.pages.studies import trials
from tintmill.launch.pages.studies.answers import LONGEST, Answers
from tintmill.launch.pages.studies.settings import Study
from tintmill.launch.pages.whole_request import WholeRequest
from tintmill.pipeline.common.errors import TintmillError

_HERE = os.path.dirname(__file__)
_MOST_BYTES = 10_000  # of a request; an answer has less than 100
_COOKIE_AGE = 30 * 24 * 3600  # seconds for which a browser may go on


def build(study: Study, answers: Answers) -> Starlette:
    """The ASGI app of a study."""
    pages = _Pages(study, answers)
    return Starlette(
        routes=[
            Route("/", pages.start),
            Route("/begin", pages.begin, methods=["POST"]),
            Route("/next", pages.next),
            Route("/answer", pages.answer, methods=["POST"]),
            Route("/picture/{token}", pages.picture),
            Mount("/static", StaticFiles(directory=os.path.join(_HERE, "static"))),
        ],
        exception_handlers={TintmillError: _answer_failed, _NoObject: _answer_no_object},
        middleware=[Middleware(WholeRequest, max_bytes=_MOST_BYTES)],
    )


class _NoObject(Exception):
    """A body that is no JSON object."""


class _Pages:
    def __init__(self, study: Study, answers: Answers):
        self._study = study
        self._answers = answers
        self._cookie = f"tintmill_study_{study.id}"
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._template = environment.get_template("page.html.jinja")

    def start(self, request: Request) -> Response:
        _, total = self._answers.next(self._code(request))
        settings = self._study.settings
        page = self._template.render(settings=settings, answers=trials.ANSWERS[settings.mode], begun=total > 0)
        return HTMLResponse(page)

    async def begin(self, request: Request) -> Response:
        again = (await _read_json(request)).get("again") is True
        return await run_in_threadpool(self._begin, self._code(request), again)

    def _begin(self, code: str, again: bool) -> Response:
        unanswered, total = self._answers.next(code)
        if unanswered or (total and not again):
            return self._next(code)
        drawn = trials.draw(self._study.settings, len(self._study.pictures), random.SystemRandom())
        code = self._answers.begin(drawn)
        response = self._next(code)
        response.set_cookie(self._cookie, code, max_age=_COOKIE_AGE, httponly=True, samesite="strict")
        return response

    def next(self, request: Request) -> Response:
        return self._next(self._code(request))

    def _next(self, code: str) -> Response:
        trial, total = self._answers.show_next(code)
        if not total:
            return JSONResponse({"error": "this browser has not begun, or refuses the study's cookie"}, 401)
        if trial is None:
            return JSONResponse({"done": True, "code": code})
        practice = self._study.settings.practice
        begun, length = (0, practice) if trial.part == trials.PRACTICE else (practice, total - practice)
        tokens = [trial.token_a, trial.token_b] if trial.b else [trial.token_a]
        return JSONResponse(
            {
                "number": trial.number,
                "part": trial.part,
                "place": trial.number - begun + 1,
                "of": length,
                "pictures": [f"picture/{token}" for token in tokens],
            }
        )

    async def answer(self, request: Request) -> Response:
        given = await _read_json(request)
        number, answer, time = (given.get(name) for name in ("number", "answer", "milliseconds"))
        known = trials.ANSWERS[self._study.settings.mode]
        asked = self._study.settings.pictures_needed
        if not _is_whole_number(number, asked - 1) or not _is_whole_number(time, LONGEST) or answer not in known:
            wanted = f"number (0 to {asked - 1}), answer ({' or '.join(known)}) and milliseconds (0 to {LONGEST})"
            return JSONResponse({"error": f"wanted {wanted}"}, 400)
        return await run_in_threadpool(self._answer, self._code(request), number, answer, time)

    def _answer(self, code: str, number: int, answer: str, time: int) -> Response:
        trial = self._answers.give(code, number, answer, time)
        if trial is None:
            return JSONResponse({"error": "this question was not shown to you; load the page again"}, 404)
        if trial.part == trials.PRACTICE:
            return JSONResponse({"right": trial.right})
        return JSONResponse({})

    def picture(self, request: Request) -> Response:
        found = self._answers.find_version(request.path_params["token"])
        if not found:
            return Response(status_code=404)
        # The file's own headers, its date and its tag, would differ between the versions.
        with open(self._study.picture_path(*found), "rb") as file:
            return Response(file.read(), media_type="image/png")

    def _code(self, request: Request) -> str:
        return request.cookies.get(self._cookie, "")


def _answer_failed(request: Request, error: TintmillError) -> Response:
    """Tells the reason to whoever runs the study; a participant can do nothing with it."""
    print(f"tintmill study: error: {error}", file=sys.stderr, flush=True)
    return JSONResponse({"error": "This answer could not be stored. Please tell whoever runs the study."}, 500)


def _answer_no_object(request: Request, error: _NoObject) -> Response:
    return JSONResponse({"error": "wanted a JSON object"}, 400)


async def _read_json(request: Request) -> dict:
    """The JSON object that was sent. Raises _NoObject where it is none, or is nested too deeply to be read."""
    try:
        content = await request.json()
    except (ValueError, RecursionError) as error:
        raise _NoObject from error
    if not isinstance(content, dict):
        raise _NoObject
    return content


def _is_whole_number(value: object, most: int) -> bool:
    return type(value) is int and 0 <= value <= most
