"""`/docs`: the API to try by hand, from files of our own: it works without the internet."""

from importlib.resources import files

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, Response

from services.api.openapi import TITLE
from services.api.problems import Problem

ASSETS = files("fastapi_swagger.resources")  # a package that carries Swagger UI; we use its files, not its code
KINDS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=TITLE,
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon-32x32.png",
        # No validator: it would be another host's.
        swagger_ui_parameters={"validatorUrl": None, "persistAuthorization": True, "tryItOutEnabled": True},
    )


@router.get("/docs/{name}")
def asset(name: str) -> Response:
    if name not in KINDS:
        raise Problem(404, "not_found", "There is no such file.")
    content = ASSETS.joinpath(name).read_bytes()
    return Response(content, media_type=KINDS[name], headers={"Cache-Control": "public, max-age=86400"})
