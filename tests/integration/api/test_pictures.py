"""Pictures as a browser gets them: named once all are made, kept for a while, and never a file of ours."""

from io import BytesIO

import pytest
from PIL import Image

from services.worker.pictures import process_image
from shared.domain.pictures import PIXELS, PictureSize
from shared.ids import new_id
from tests.api import ApiProcess, problem
from tests.shop import environment


def make(api: ApiProcess, product: str, *sizes: PictureSize) -> None:
    """Let a worker make pictures for the API."""
    with environment(DATABASE_URL=api.database_url, FILES=str(api.files)):
        for size in sizes:
            process_image.now(product, size)


def shown(api: ApiProcess, slug: str) -> dict[str, str] | None:
    pictures: dict[str, str] | None = next(p for p in api.http.get("/products").json()["items"] if p["slug"] == slug)[
        "pictures"
    ]
    return pictures


def test_a_product_shows_its_pictures_once_all_are_made(api: ApiProcess, products: dict[str, str]) -> None:
    # Given a product of whose pictures the last is still being made
    make(api, products["coffee-pot"], PictureSize.SMALL, PictureSize.MEDIUM)
    # Then the shop shows none
    assert shown(api, "coffee-pot") is None

    # When it is there
    make(api, products["coffee-pot"], PictureSize.LARGE)

    # Then all are shown, and each is what it says
    pictures = shown(api, "coffee-pot")
    assert pictures is not None
    for size, address in pictures.items():
        answer = api.http.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
        assert Image.open(BytesIO(answer.content)).size == (PIXELS[PictureSize(size)],) * 2


def test_a_browser_keeps_a_picture_and_asks_only_whether_it_has_changed(
    api: ApiProcess, products: dict[str, str]
) -> None:
    # Given a picture that a browser has
    make(api, products["brass-tray"], PictureSize.SMALL)
    address = f"/pictures/{products['brass-tray']}/small.webp"
    first = api.http.get(address)
    assert first.headers["cache-control"] == "public, max-age=3600"
    tag = {"If-None-Match": first.headers["etag"]}
    # When it is made again, then nothing is sent again
    make(api, products["brass-tray"], PictureSize.SMALL)
    again = api.http.get(address, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    # When another has taken its place, then that is sent
    (api.files / address[1:]).write_bytes(b"another picture")
    assert api.http.get(address, headers=tag).content == b"another picture"


def test_a_picture_that_is_not_there_is_not_found(api: ApiProcess, products: dict[str, str]) -> None:
    for product in (products["cotton-rug"], str(new_id())):
        problem(api.http.get(f"/pictures/{product}/large.webp"), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("{id}/huge.webp", 422, "invalid"),
        ("walnut-desk/small.webp", 422, "invalid"),
        ("{id}/small.png", 404, "not_found"),
        ("{id}/..%2fsmall.webp", 404, "not_found"),
        ("%2e%2e/small.webp", 422, "invalid"),
        ("..%2f..%2f..%2fetc/passwd", 404, "not_found"),
        ("{id}/small.webp%00", 404, "not_found"),
    ],
)
def test_no_address_leads_to_a_file_of_ours(
    api: ApiProcess, products: dict[str, str], path: str, status: int, code: str
) -> None:
    address = path.format(id=products["walnut-desk"])
    problem(api.http.get(f"/pictures/{address}"), status, code)
