"""How the queues stand and how it went lately."""

from typing import Literal

from fastapi import APIRouter

from services.api.caller import Caller
from services.api.openapi import problems
from services.api.schemas.figures import Figures
from shared.jobs import figures

router = APIRouter(tags=["operators"])


@router.get("/queues/figures", responses=problems(401, 403, 422))
def read_figures(caller: Caller, window: Literal["1m", "5m", "60m"] = "5m") -> Figures:
    """Return counts, ages and percentiles of every queue and job, from the rows as they are now (operators)."""
    with caller.transaction(operator=True) as tx:
        report = figures.report(tx, figures.WINDOWS[window])
    return Figures.model_validate(report, from_attributes=True)
