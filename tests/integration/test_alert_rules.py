"""Each rule of the alerts sees what it is there for and nothing else, and one that breaks silences no other."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from services.worker.alert_rules import RULES, Look, evaluate
from shared import books
from shared.db.engine import connect
from shared.db.transaction import transaction
from shared.jobs.batch import batch
from shared.jobs.chain import chain
from shared.jobs.figures import AT_MOST
from tests.alerting import (
    CHAIN,
    ENDED,
    EVENT,
    FAILED,
    ID,
    LINK,
    LIVE,
    ORDER,
    PAYMENT,
    TASK,
    WAITS,
    alerts,
    do,
    look,
)
from tests.ledger import Ledger
from tests.ledger_jobs import glue, saw, write_down

NO_ROOM = """
insert into jobs (id, name, queue, args, deferrals, reason)
values (gen_random_uuid(), 'transcode_video', 'processing', '[]', 1, 'no room: 900 MiB must be free, and 20 are')
"""

SEEN: dict[str, tuple[tuple[str, ...], str]] = {
    "queue_unmanned": ((WAITS.format("2 min"),), "orders"),
    "queue_silent": ((WAITS.format("2 min"), LIVE), "orders"),
    "queue_waits": ((WAITS.format("6 min"), LIVE, ENDED.format(1, "succeeded")), "orders"),
    "job_fails": ((ENDED.format(10, "failed"), ENDED.format(10, "succeeded")), "send_mail"),
    "job_dies": ((ENDED.format(3, "lost"),), "send_mail"),
    "task_fails": ((TASK.format("succeeded", 2), TASK.format("failed", 1), TASK.format("running", 0)), "orphans"),
    "order_stuck": ((FAILED.format(ID),), "cancel_order"),
    "orders_late": ((ORDER.format(ID),), "orders"),
    "payment_unknown": ((ORDER.format(ID), "update orders set status = 'confirmed'", PAYMENT.format(ID)), "payments"),
    "chain_blocked": ((CHAIN.format(ID),), "chains"),
    "event_parked": ((EVENT.format("clock_timestamp()"),), "OrderPlaced"),
    "facts_wait": ((EVENT.format("null"),), "facts"),
    "disk_full": ((NO_ROOM,), "files"),
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_sees_what_it_is_there_for(watched: Ledger, rule: str) -> None:
    # Given a shop in which nothing is wrong
    look(watched)
    assert alerts(watched) == []
    # When
    statements, subject = SEEN[rule]
    do(watched, *statements)
    look(watched)
    # Then
    assert alerts(watched) == [(rule, subject, True)]


NOT_SEEN: dict[str, tuple[str, ...]] = {
    "a paused queue": (WAITS.format("7 min"), "insert into paused_queues (queue, paused_by) values ('orders', 'Nour')"),
    "a queue that is busy": (WAITS.format("2 min"), LIVE, ENDED.format(1, "succeeded")),
    "few failures": (ENDED.format(19, "failed"),),
    "failures among many": (ENDED.format(9, "failed"), ENDED.format(11, "succeeded")),
    "releases": (ENDED.format(30, "released"),),
    "a failed job that calls nobody": (FAILED.format(ID).replace("cancel_order", "send_mail"),),
    "a task that succeeded in the end": (TASK.format("failed", 2), TASK.format("succeeded", 1)),
    "an order that is young": (ORDER.format(ID), "update orders set updated_at = clock_timestamp()"),
    "an order that is over": (ORDER.format(ID), "update orders set status = 'expired'"),
    "a chain that waits for its batch": (
        CHAIN.format(ID),
        f"insert into batches (id, chain_id, next_id) select gen_random_uuid(), '{ID}', id from jobs",
        "update jobs set attempt = 1",
    ),
    "a chain that goes on": (
        CHAIN.format(ID),
        LINK.format(ID),
    ),
}


@pytest.mark.parametrize("statements", NOT_SEEN.values(), ids=NOT_SEEN)
def test_no_rule_cries_wolf(watched: Ledger, statements: tuple[str, ...]) -> None:
    do(watched, *statements)
    look(watched)
    assert alerts(watched) == []


def test_chains_in_a_batch_whose_turn_has_not_come_wait_for_it(watched: Ledger) -> None:
    # Given a chain whose first link is delayed, and whose second is a batch of chains, one with a batch of its own
    inner = batch(chain(saw, glue).message("cedar-chest"))
    outer = batch(
        chain(saw, glue).message("walnut-desk"), chain(saw.message("shelf"), inner, glue.message("shelf")).message()
    )
    with watched.transaction() as tx:
        chain(write_down.message("in an hour", delay=3600), outer, write_down.message("done")).dispatch(tx)
    do(watched, "update jobs set created_at = created_at - interval '1 hour'")
    # When
    look(watched)
    # Then neither the rules nor the books are alarmed
    assert alerts(watched) == []
    assert books.check(watched.connection, quiet_seconds=0) == []
    # But when what they wait for is gone
    do(watched, "update jobs set state = 'failed', finished_at = clock_timestamp() where state = 'scheduled'")
    look(watched)
    # Then they are
    assert alerts(watched) == [("chain_blocked", "chains", True)]
    assert "nothing is left in its chain" in str(books.check(watched.connection, quiet_seconds=0))


def test_a_rule_that_breaks_silences_no_other_and_resolves_nothing(watched: Ledger) -> None:
    # Given an alert of a rule that breaks afterwards
    do(watched, WAITS.format("7 min"))
    look(watched)
    do(watched, "delete from jobs", ENDED.format(20, "failed"))
    # When
    with capture_logs() as said, watched.transaction() as tx:
        evaluate(tx, {"queue_unmanned": breaks, "queue_silent": asks_nonsense, "job_fails": RULES["job_fails"]})
    # Then
    assert alerts(watched) == [("queue_unmanned", "orders", True), ("job_fails", "send_mail", True)]
    assert [line["rule"] for line in said if line.get("alert") == "rule_broken"] == ["queue_unmanned", "queue_silent"]


def test_failures_are_seen_in_a_crowd_of_successes(watched: Ledger) -> None:
    # Given a job that fails, and after it more of another's successes than the figures look at
    do(watched, ENDED.format(20, "failed"), ENDED.format(3, "lost"))
    do(watched, ENDED.replace("send_mail", "note_delivery").format(AT_MOST, "succeeded"))
    # When
    look(watched)
    # Then
    assert alerts(watched) == [("job_dies", "send_mail", True), ("job_fails", "send_mail", True)]


def test_a_rule_that_takes_too_long_silences_no_other(watched: Ledger) -> None:
    # Given a table that a rule reads, and that somebody holds for long, and a job that fails often
    do(watched, ENDED.format(20, "failed"))
    with closing(connect()) as migrating, transaction(migrating) as tx:
        tx.execute("lock table products in access exclusive mode")
        tx.one("select 1")
        # When
        with capture_logs() as said, watched.transaction() as looking:
            evaluate(looking, {"desks": counts_the_desks, **RULES})
            limit = looking.one("show statement_timeout").statement_timeout
    # Then
    assert alerts(watched) == [("job_fails", "send_mail", True)]
    assert [line["rule"] for line in said if line.get("alert") == "rule_broken"] == ["desks"]
    # And what comes after the rules has its own time
    assert limit == "3500ms"


def counts_the_desks(look: Look) -> Iterator[tuple[str, str]]:
    return look.rows("select 'desks' as subject, count(*) as number, '' as example from products")


def breaks(_: Look) -> Iterator[tuple[str, str]]:
    raise KeyError("walnut-desk")


def asks_nonsense(look: Look) -> Iterator[tuple[str, str]]:
    return look.rows("select nonsense")
