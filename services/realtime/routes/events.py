"""Publish: to channels, to a user, several events at once."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.realtime import counts, publications, publisher
from services.realtime.calls import signed
from services.realtime.publications import counted
from services.realtime.replies import DONE, reply

router = APIRouter()


async def publish(request: Request) -> Response:
    call = await signed(request)
    publication = publications.one(call.body)
    await publisher.publish(call.node.commands, [publication])
    if not publication.info:
        return DONE()
    wanted = {channel: counted(publication, channel) for channel in publication.channels}
    return reply({"channels": await counts.of_channels(call.node, wanted)})


async def publish_several(request: Request) -> Response:
    call = await signed(request)
    batch = publications.several(call.body)
    await publisher.publish(call.node.commands, batch)
    if not any(publication.info for publication in batch):
        return DONE()
    wanted: dict[str, frozenset[str]] = {}
    for publication in batch:
        for channel in publication.channels:
            wanted[channel] = wanted.get(channel, frozenset()) | counted(publication, channel)
    found = await counts.of_channels(call.node, wanted)
    return reply({"batch": [_told(publication, found) for publication in batch]})


def _told(publication: publications.Publication, found: dict[str, counts.Counts]) -> counts.Counts:
    return {name: found[channel][name] for channel in publication.channels for name in counted(publication, channel)}


# Starlette's own routes: FastAPI's would look at each call for parameters that it does not have.
router.add_route("/apps/{app_id}/events", publish, methods=["POST"])
router.add_route("/apps/{app_id}/batch_events", publish_several, methods=["POST"])
