"""The sandbox put together: routes, the SMTP port and the courier on one event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from services.sandbox import carrier, controls, gateway, intents, pages, refunds, smtp
from services.sandbox.problems import Problem, answer_problem
from services.sandbox.webhooks import Courier
from services.sandbox.world import make_world
from shared.config import Settings


def make_app(settings: Settings) -> FastAPI:
    app = FastAPI(title="Taboor sandbox", lifespan=_live, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    for module in (gateway, carrier, controls, pages):
        app.include_router(module.router)
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    return app


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    world = make_world(app.state.settings)
    app.state.world = world
    intents.settle_what_was_processing(world)
    refunds.settle_what_was_pending(world)
    mail = await smtp.listen(world)
    courier = asyncio.create_task(Courier(world.outbox, world.settings).run())
    courier.add_done_callback(_must_not_end)
    yield
    mail.close()
    courier.cancel()
    with suppress(asyncio.CancelledError):
        await courier
    world.store.close()


def _must_not_end(courier: asyncio.Task[None]) -> None:
    """Without its courier the sandbox would look alive and deliver nothing: rather die and be restarted."""
    if not courier.cancelled() and (error := courier.exception()):
        raise SystemExit("the courier died") from error


def _answer_validation(_request: Request, error: Exception) -> JSONResponse:
    return answer_problem(_request, Problem(422, "Unprocessable content", str(error)))
