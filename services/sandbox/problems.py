"""Refusals of the sandbox's own JSON API, as problem+json (the gateway and the carrier have their own shapes)."""

from starlette.requests import Request
from starlette.responses import JSONResponse


class Problem(Exception):
    """A refusal with its HTTP status."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail


def answer_problem(_request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, Problem)
    body = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    return JSONResponse(body, problem.status, media_type="application/problem+json")
