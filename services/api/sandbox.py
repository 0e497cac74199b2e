"""Asking the sandbox, the demo's outside world, on behalf of the page: browsers talk to this API only."""

from typing import Any

import httpx

from services.api.problems import Problem
from shared.config import settings

PATIENCE = 3.0  # seconds


def ask(method: str, path: str, *, params: dict[str, str] | None = None, json: object = None) -> Any:
    """Return the sandbox's answer; what it refuses is refused in its words."""
    try:
        with httpx.Client(base_url=settings().stripe_api_base, timeout=PATIENCE, trust_env=False) as client:
            answer = client.request(method, path, params=params, json=json)
            said: Any = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Problem(503, "unavailable", "The sandbox does not answer.") from error
    if answer.status_code == 400:
        raise Problem(422, "invalid", f"{said['detail']}.")
    if not answer.is_success:
        raise Problem(503, "unavailable", "The sandbox does not answer as it should.")
    return said
