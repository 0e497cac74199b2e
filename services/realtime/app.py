"""The Pusher HTTP API of a node, with its health; the front hands it every request that is no WebSocket."""

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from services.realtime import errors
from services.realtime.calls import Node
from services.realtime.routes import channels, events, health, users

#: FastAPI would ask for OpenTelemetry's providers at each request, and there are none.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


def create_app(node: Node) -> FastAPI:
    app = FastAPI(
        title="Taboor realtime",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # the API is Pusher's, and described there
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    app.state.node = node
    errors.install(app)
    for module in (events, channels, users, health):
        app.include_router(module.router)
    return app
