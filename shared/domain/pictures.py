"""The sizes of a product's pictures, and where each lies."""

from enum import StrEnum
from uuid import UUID


class PictureSize(StrEnum):
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


#: Each picture is a square.
PIXELS = {PictureSize.SMALL: 160, PictureSize.MEDIUM: 480, PictureSize.LARGE: 960}


def path_of(product_id: UUID, size: PictureSize) -> str:
    """Return its path, both under the folder of files and in the API."""
    return f"pictures/{product_id}/{size}.webp"
