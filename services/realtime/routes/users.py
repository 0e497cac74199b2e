"""Close what a user signed in on."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.realtime import publisher
from services.realtime.calls import signed
from services.realtime.replies import DONE

router = APIRouter()


async def terminate_connections(request: Request) -> Response:
    call = await signed(request)
    await publisher.terminate(call.node.commands, request.path_params["user_id"])
    return DONE()


router.add_route("/apps/{app_id}/users/{user_id}/terminate_connections", terminate_connections, methods=["POST"])
# Python's `pusher` 3.3.4 leaves the app out; its key says which it is.
router.add_route("/users/{user_id}/terminate_connections", terminate_connections, methods=["POST"])
