"""The API put together: HTTP in, facts out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig

from services.api import openapi, problems
from services.api.database import CONNECTIONS, Database
from services.api.middleware import Requests
from services.api.passwords import Passwords
from services.api.routes import (
    alerts,
    analytics,
    audit,
    batches,
    broadcasting,
    demo,
    docs,
    events,
    figures,
    health,
    jobs,
    media,
    metrics,
    notifications,
    orders,
    pictures,
    placing,
    products,
    queues,
    sessions,
    site,
    sse,
    uploading,
    uploads,
    videos,
    webhooks,
)
from services.api.streams import Streams
from shared.config import settings

#: FastAPI would ask for OpenTelemetry's providers at each request, and there are none.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


def create_app() -> FastAPI:
    app = FastAPI(
        title=openapi.TITLE,
        lifespan=_live,
        docs_url=None,  # routes/docs.py serves it without the internet
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    app.add_middleware(Requests)
    problems.install(app)
    routes = [
        placing,  # first: a request is compared with each route before its own, and most are orders
        broadcasting,
        health,
        sessions,
        products,
        pictures,
        orders,
        notifications,
        analytics,
        jobs,
        batches,
        queues,
        audit,
        events,
        figures,
        alerts,
        metrics,
        webhooks,
        sse,
        uploads,
        uploading,
        videos,
        media,
        site,
        docs,
    ]
    for module in [*routes, demo] if settings().in_demo else routes:
        app.include_router(module.router)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _described(app: FastAPI) -> dict[str, object]:
    app.openapi_schema = app.openapi_schema or openapi.describe(app)
    return app.openapi_schema


def _operation_id(route: APIRoute) -> str:
    return route.name


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    app.state.database = database = Database()
    app.state.passwords = Passwords()
    app.state.streams = Streams(settings().sse_streams)
    anyio.to_thread.current_default_thread_limiter().total_tokens = CONNECTIONS
    database.open()
    yield
    database.close()
