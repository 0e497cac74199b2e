"""Which channels are occupied, by how many, and who is in them."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.realtime import counts
from services.realtime.calls import signed
from services.realtime.errors import Refused
from services.realtime.publications import INFO, attributes
from services.realtime.publisher import is_cached
from services.realtime.replies import reply
from shared.broadcasting.names import is_channel, is_presence

router = APIRouter()


async def channels(request: Request) -> Response:
    call = await signed(request)
    prefix, info = call.query.get("filter_by_prefix", ""), attributes(call.query.get("info"))
    if "user_count" in info and not is_presence(prefix):
        raise Refused(400, "user_count is known of presence channels only: filter_by_prefix=presence-.")
    found = await counts.occupied(call.node, prefix)
    return reply({"channels": await counts.of_channels(call.node, dict.fromkeys(found, info))})


async def channel(request: Request) -> Response:
    call = await signed(request)
    name = _named(request)
    info = attributes(call.query.get("info"), INFO | {"cache"})
    if "user_count" in info and not is_presence(name):
        raise Refused(400, "user_count is known of presence channels only.")
    if "cache" in info and not is_cached(name):
        raise Refused(400, "cache is known of cache channels only.")
    found = (await counts.of_channels(call.node, {name: (info | {"subscription_count"}) - {"cache"}}))[name]
    told = {"occupied": found["subscription_count"] > 0} | {word: found[word] for word in info - {"cache"}}
    return reply(told | ({"cache": await counts.cached(call.node, name)} if "cache" in info else {}))


async def members(request: Request) -> Response:
    call = await signed(request)
    name = _named(request)
    if not is_presence(name):
        raise Refused(400, "Users are known of presence channels only.")
    return reply({"users": [{"id": user} for user in await counts.users(call.node, name)]})


def _named(request: Request) -> str:
    name: str = request.path_params["channel"]
    if not is_channel(name):
        raise Refused(400, f"{name[:80]!r} is not a channel's name.")
    return name


router.add_route("/apps/{app_id}/channels", channels, methods=["GET"])
router.add_route("/apps/{app_id}/channels/{channel}", channel, methods=["GET"])
router.add_route("/apps/{app_id}/channels/{channel}/users", members, methods=["GET"])
