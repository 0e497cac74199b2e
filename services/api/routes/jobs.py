"""What operators ask about jobs, and do to them."""

from collections.abc import Callable
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.api.caller import Caller, CallerOf
from services.api.database import again
from services.api.openapi import problems
from services.api.problems import Problem
from services.api.retrying import page_of, retried
from services.api.schemas.jobs import Job, JobAttempt, JobChain, JobDetail, Jobs, JobsQuery, Retried, RetryJobs
from services.api.views_of_jobs import batch_of
from shared.db.reads import jobs
from shared.db.reads.jobs import Whole
from shared.db.sql import audit
from shared.db.transaction import Transaction
from shared.jobs import operators
from shared.jobs.operators import Answers

router = APIRouter(prefix="/jobs", tags=["jobs"])

CHANGE = problems(401, 403, 404, 409, 422)
ONE = "/{job_id:uuid}"  # so that `/jobs/retry` is no job


@router.get("", responses=problems(401, 403, 422))
def list_jobs(caller: Caller, query: Annotated[JobsQuery, Query()]) -> Jobs:
    """Return the newest first (operators)."""
    with caller.reading(operator=True) as session:
        rows = jobs.page(session, query.wanted(), query.cursor, query.limit + 1)
    page = [Job.model_validate(row, from_attributes=True) for row in rows[: query.limit]]
    return Jobs(items=page, next_cursor=page[-1].id if len(rows) > query.limit else None)


@router.get(ONE, responses=problems(401, 403, 404, 422))
def show_job(job_id: UUID, caller: Caller) -> JobDetail:
    """Return a job with every attempt, the links of its chain, and its batch (operators)."""
    return _shown(caller, job_id)


@router.post("/retry", responses=problems(400, 401, 403, 413, 422))
@again
def retry_jobs(wanted: RetryJobs, caller: Caller) -> Retried:
    """Try again what a filter finds, some hundred at a time; `next_cursor` goes on (operators)."""
    found = wanted.wanted("failed")
    ids = page_of(caller, lambda session: jobs.ids(session, found, wanted.cursor))
    said = wanted.model_dump(mode="json", exclude_none=True)
    return retried(caller, ids, found.states, action="jobs.retry", subject="jobs", said=said)


@router.post("/{job_id}/retry", responses=CHANGE)
@again
def retry_job(job_id: UUID, caller: Caller) -> JobDetail:
    """Try an ended job again, as a further attempt (operators)."""
    _change(caller, job_id, "job.retry", partial(operators.retry, why="retried by an operator"))
    return _shown(caller, job_id)


@router.post("/{job_id}/cancel", responses=CHANGE)
@again
def cancel_job(job_id: UUID, caller: Caller) -> JobDetail:
    """Cancel an open job, also a running one; with a link its chain, and what that had done is undone (operators)."""
    _change(caller, job_id, "job.cancel", partial(operators.cancel, why="cancelled by an operator"))
    return _shown(caller, job_id)


@router.post("/{job_id}/run-now", responses=CHANGE)
@again
def run_job_now(job_id: UUID, caller: Caller) -> JobDetail:
    """Make a job due that waits for its time (operators)."""
    _change(caller, job_id, "job.run_now", operators.run_now)
    return _shown(caller, job_id)


@router.delete(ONE, status_code=204, responses=CHANGE)
@again
def forget_job(job_id: UUID, caller: Caller) -> None:
    """Delete a job that has ended, with its attempts (operators)."""
    _change(caller, job_id, "job.forget", operators.forget)


def _change(
    caller: CallerOf, job_id: UUID, action: str, operation: Callable[[Transaction, list[UUID]], Answers]
) -> None:
    """Do it to one job, or refuse with the reason, in one transaction with its line of the audit."""
    with caller.transaction(operator=True) as tx:
        refused = operation(tx, [job_id])[job_id]
        if refused == operators.NO_SUCH:
            raise no_such()
        if refused is not None:
            raise Problem(409, "refused", f"It cannot be done: {refused}.")
        audit.write(tx, caller.user_id, action, f"job {job_id}")


def _shown(caller: CallerOf, job_id: UUID) -> JobDetail:
    with caller.reading(operator=True) as session:
        whole = jobs.one(session, job_id)
    if whole is None:
        raise no_such()
    return _detail(whole)


def no_such() -> Problem:
    return Problem(404, "not_found", "There is no such job.")


def _detail(whole: Whole) -> JobDetail:
    links = [Job.model_validate(link, from_attributes=True) for link in whole.links]
    chain = whole.job.chain
    return JobDetail(
        **whole.job.model_dump(include=set(Job.model_fields)),
        attempts=[JobAttempt.model_validate(attempt, from_attributes=True) for attempt in whole.job.attempts],
        chain=JobChain(**chain.model_dump(), links=links) if chain else None,
        batch=batch_of(whole.batch) if whole.batch else None,
    )
