"""`python -m shared.db upgrade | seed | check | revision "0002 what it does"`."""

import sys

from shared.config import settings
from shared.db import migrate


def main(command: str, *words: str) -> None:
    url = settings().database_url
    if command == "upgrade":
        migrate.upgrade(url)
    elif command == "check":
        migrate.check(url)
    elif command == "revision":
        migrate.revision(url, " ".join(words))
    elif command == "seed":
        from shared.db.seed import seed  # noqa: PLC0415 - hashing passwords is slow to import

        seed(url)
    else:
        sys.exit(__doc__)


main(*(sys.argv[1:] or ["help"]))
