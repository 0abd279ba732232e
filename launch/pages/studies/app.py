"""The pages of a study. A participant's browser is told nothing that gives an answer away.

GET /                  instructions, which the script skips where this browser has begun
POST /begin            the participant of the cookie, or a new one; {"again": true}: a new one where all is answered
GET /next              the next question, or that all are answered
POST /answer           {"number", "answer", "milliseconds"}: stored, then acknowledged; in practice with the truth
GET /picture/TOKEN     a picture of a question
"""

import os
import random
import sys

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tintmill.launch.pages.studies import trials
from tintmill.launch.pages.studies.answers import Answers
from tintmill.launch.pages.studies.settings import Study
from tintmill.pipeline.common.errors import TintmillError

_HERE = os.path.dirname(__file__)
_LONGEST = 24 * 3600 * 1000  # milliseconds; an answer that claims to have taken longer is refused
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
        exception_handlers={TintmillError: _answer_failed},
    )


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
        trial, total = self._answers.next(code)
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
        if type(number) is not int or answer not in known or type(time) is not int or not 0 <= time <= _LONGEST:
            return JSONResponse({"error": f"wanted number, answer ({' or '.join(known)}) and milliseconds"}, 400)
        return await run_in_threadpool(self._answer, self._code(request), number, answer, time)

    def _answer(self, code: str, number: int, answer: str, time: int) -> Response:
        trial = self._answers.give(code, number, answer, time)
        if trial is None:
            return JSONResponse({"error": "no such question of this participant"}, 404)
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


async def _read_json(request: Request) -> dict:
    """The JSON object that was sent; empty where it is none."""
    try:
        content = await request.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
