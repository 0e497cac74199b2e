"""The SMS carrier's refusals: a number of its own beside the HTTP status."""

from typing import Any

from starlette.responses import JSONResponse

Body = dict[str, Any]
Form = dict[str, str]


class Refusal(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def response(self) -> JSONResponse:
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        body = {"code": self.code, "message": self.message, "more_info": more, "status": self.status}
        return JSONResponse(body, self.status)
