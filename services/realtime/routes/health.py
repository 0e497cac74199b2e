"""Is the node alive, can it work, and what has it counted?"""

import secrets

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from services.realtime.calls import Node
from services.realtime.errors import Refused
from services.realtime.metrics import written
from services.realtime.replies import reply
from shared.config import Settings

router = APIRouter()


async def livez(_request: Request) -> Response:
    """Answer while the process is alive."""
    return reply({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Answer 200 while clients get what is new: Redis answers, and the node is not stopping."""
    node: Node = request.app.state.node
    health = node.health()
    answer = reply(health)
    answer.status_code = 200 if health["ready"] else 503
    return answer


async def metrics(request: Request) -> Response:
    """Return what was counted. In production only to who has `METRICS_TOKEN`."""
    node: Node = request.app.state.node
    _let_in(request, node.settings())
    return Response(written(node.health()), media_type=CONTENT_TYPE_LATEST)


def _let_in(request: Request, settings: Settings) -> None:
    """Refuse as if there were nothing here: who has no token need not know that others have one."""
    token = settings.metrics_token.get_secret_value()
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    right = bool(token) and secrets.compare_digest(given.encode(), token.encode())
    if not right and (token or not settings.in_demo):
        raise Refused(404, "Not Found.")


router.add_route("/livez", livez, methods=["GET"])
router.add_route("/readyz", readyz, methods=["GET"])
router.add_route("/metrics", metrics, methods=["GET"])
