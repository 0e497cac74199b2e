"""The answers of the HTTP API that are no refusals."""

import json
from collections.abc import Mapping
from functools import partial

from starlette.responses import Response


def reply(body: Mapping[str, object]) -> Response:
    return Response(json.dumps(body), media_type="application/json")


DONE = partial(Response, b"{}", media_type="application/json")
