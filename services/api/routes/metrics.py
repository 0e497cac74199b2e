"""The API's figures for Prometheus, and whether anybody looks after the alerts."""

import secrets
from collections.abc import Iterator

import psycopg
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from services.api.caller import TheDatabase
from services.api.database import Database
from services.api.problems import Problem
from services.api.routes.alerts import TASK
from shared.clock import now
from shared.config import settings
from shared.db.reads import alerts

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request, database: TheDatabase) -> Response:
    """Return what was counted. In production only to who has `METRICS_TOKEN`: they tell what the shop turns over."""
    _let_in(request)
    text = generate_latest(REGISTRY) + generate_latest(Alarms(database))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


class Alarms(Collector):
    """Open alerts, read when they are asked for; none are told while PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            with self._database.reading() as session:
                rows, looked_at = alerts.open_by_rule(session), alerts.looked_at(session, TASK)
        except psycopg.Error:
            return
        opened = GaugeMetricFamily("taboor_alerts_open", "Alerts that are open", labels=["rule"])
        for rule, number in rows:
            opened.add_metric([rule], number)
        yield opened
        if looked_at is not None:
            ago = (now() - looked_at).total_seconds()
            yield GaugeMetricFamily("taboor_alerts_looked_seconds_ago", "Since the rules were looked at", value=ago)


def _let_in(request: Request) -> None:
    """Refuse as if there were nothing here: who has no token need not know that others have one."""
    token = settings().metrics_token.get_secret_value()
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    right = bool(token) and secrets.compare_digest(given.encode(), token.encode())
    if not right and (token or not settings().in_demo):
        raise Problem(404, "not_found", "Not Found.")
