"""Is it alive, and can it work?"""

import redis
from fastapi import APIRouter
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.api.caller import TheDatabase
from services.api.openapi import problems
from shared.config import settings

PATIENCE = 0.2  # seconds for Redis, which the API can do without
DATABASE_PATIENCE = 2.0

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Answer while the process is alive."""
    return {"status": "ok"}


@router.get("/readyz", responses=problems())
def readyz(database: TheDatabase) -> dict[str, str]:
    """Answer 200 while orders can be placed; without Redis they can, and what follows waits for it."""
    with database.transaction(patience=DATABASE_PATIENCE) as tx:
        tx.one("select 1")
    return {"status": "ok" if _redis_answers() else "degraded: redis"}


def _redis_answers() -> bool:
    try:
        with redis.Redis.from_url(
            settings().redis_url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
