"""Products' pictures, as jobs have made them."""

from hashlib import blake2b
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.api.openapi import problems
from services.api.problems import Problem
from shared import storage
from shared.domain.pictures import PictureSize, path_of

MEDIA_TYPE = "image/webp"
KEPT = "public, max-age=3600"  # a picture is seldom made anew; after that the browser asks whether it was

IMAGE = {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}

router = APIRouter(tags=["shop"])


@router.get(
    "/pictures/{product_id}/{size}.webp",
    response_class=Response,
    responses={200: IMAGE, 304: {"description": "What the browser has is still good."}, **problems(404, 422)},
)
def show_picture(product_id: UUID, size: PictureSize, request: Request) -> Response:
    """Return a product's picture; `GET /products` says when it is there."""
    content = storage.read(path_of(product_id, size))
    if content is None:
        raise Problem(404, "not_found", "There is no such picture, or not yet.")
    headers = {"ETag": f'"{blake2b(content, digest_size=16).hexdigest()}"', "Cache-Control": KEPT}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=MEDIA_TYPE, headers=headers)
