"""The jobs of the second state machine, and what is made of them: chains, batches, and both in one another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from shared.db.transaction import Transaction
from shared.jobs.batch import Batch, add_members, batch, cancel_batch
from shared.jobs.chain import ChainMessage, chain
from shared.jobs.job import JobType, Message, job
from shared.jobs.outcomes import EndChain, Fail, Release, Skip
from shared.jobs.running import Running
from tests.ledger_jobs import NOTE

QUEUES = ("default", "machine", "other")  # the first is that of the ledger's own jobs
KEYS = ("walnut", "oak")
LATER = "later"  # the tag of what was dispatched with a delay
NO, TOO_LATE = "no", "too late"

ACTS = (*["succeed"] * 7, *["fail"] * 3, *["give up"] * 3, "release", "skip", "say no", "say too late", "call off")


@dataclass
class Script:
    """What the attempt that runs next does."""

    act: str = "succeed"
    more: tuple[Any, ...] = ()  # what it adds to its batch
    between: Callable[[], None] | None = None  # in the middle of a job with two transactions


script = Script()


def play(job: Running, tx: Transaction, key: str) -> None:
    tx.execute(NOTE, (job.id, key))
    match script.act:
        case "fail":
            raise RuntimeError("the walnut-desk fell")
        case "give up":
            raise Fail("no walnut in the whole town")
        case "release":
            raise Release(0, "the lane is busy")
        case "skip":
            raise Skip("nothing to do")
        case "say too late":
            raise EndChain(TOO_LATE)
        case "say no":
            job.end_chain(NO)
        case "call off" if job.batch_id is not None:
            cancel_batch(tx, job.batch_id, "called off from inside")
        case "add" if job.batch_id is not None:
            add_members(tx, job.batch_id, *(shape.made() for shape in script.more))


def play_in_two(job: Running, key: str) -> None:
    """Write, do something outside, write again."""
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"begin {key}"))
    if script.between is not None:
        script.between()
    with job.finishing() as tx:
        play(job, tx, key)


@job(queue="machine", tries=2, backoff=(0,))
def make(job: Running, tx: Transaction, key: str) -> None:
    play(job, tx, key)


@job(queue="other", tries=2, backoff=(0,))
def make_in_two(job: Running, key: str) -> None:
    play_in_two(job, key)


@job(queue="machine", tries=2, backoff=(0,), serial=lambda key: key)
def make_in_line(job: Running, tx: Transaction, key: str) -> None:
    play(job, tx, key)


@job(queue="other", tries=2, backoff=(0,), serial=lambda key: key)
def make_in_line_in_two(job: Running, key: str) -> None:
    play_in_two(job, key)


@job(queue="machine", tries=2, backoff=(0,), unique=lambda key: key)
def make_alone(job: Running, tx: Transaction, key: str) -> None:
    play(job, tx, key)


@job(queue="other", tries=2, backoff=(0,), unique=lambda key: key, unique_until_started=True)
def make_alone_until_started(job: Running, tx: Transaction, key: str) -> None:
    play(job, tx, key)


@job(queue="machine", tries=2, backoff=(0,))
def unmake(job: Running, tx: Transaction, key: str) -> None:
    play(job, tx, key)


@job(queue="machine", tries=2, backoff=(0,))
def unmake_group(job: Running, tx: Transaction, batch_id: UUID) -> None:
    play(job, tx, f"group {batch_id}")


#: By their names, which read better than they do where Hypothesis tells what happened.
KINDS = {kind.name: kind for kind in (make, make_in_two, make_in_line, make_in_line_in_two)}
UNIQUE = {kind.name: kind for kind in (make_alone, make_alone_until_started)}


@dataclass(frozen=True)
class One:
    kind: str
    key: str
    later: bool = False

    undo = unmake

    def made(self) -> Message:
        tags = (LATER,) if self.later else ()
        return KINDS[self.kind].message(self.key, delay=3600 if self.later else 0, tags=tags)


@dataclass(frozen=True)
class Group:
    members: tuple[Any, ...]
    allow: bool
    called: frozenset[str]

    undo = unmake_group

    def made(self) -> Batch:
        made = batch(*(member.made() for member in self.members))
        made = made.allow_failures() if self.allow else made
        for how in (Batch.then, Batch.catch, Batch.finally_):
            made = how(made, make.message(how.__name__)) if how.__name__ in self.called else made
        return made


@dataclass(frozen=True)
class Line:
    links: tuple[tuple[Any, bool], ...]  # each with an undo or without

    def made(self) -> ChainMessage:
        def link(shape: Any, undone: bool) -> Any:
            undo: JobType = shape.undo
            return (shape.made(), undo) if undone else shape.made()

        return chain(*(link(*each) for each in self.links)).message()


def _groups(members: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[Group]:
    several = st.lists(members, min_size=least, max_size=5).map(tuple)
    called = st.frozensets(st.sampled_from(("then", "catch", "finally_")))
    return st.builds(Group, members=several, allow=st.booleans(), called=called)


def _lines(links: st.SearchStrategy[Any]) -> st.SearchStrategy[Line]:
    return st.builds(Line, links=st.lists(st.tuples(links, st.booleans()), min_size=2, max_size=3).map(tuple))


keys = st.sampled_from(KEYS)
ones = st.builds(One, kind=st.sampled_from(sorted(KINDS)), key=keys, later=st.sampled_from((False, False, False, True)))
plain_lines = _lines(ones)
inner_groups = _groups(st.one_of(ones, ones, plain_lines))
lines = _lines(st.one_of(ones, inner_groups))
members = st.one_of(ones, ones, plain_lines, lines)
groups = _groups(members)
deep_lines = _lines(st.one_of(ones, ones, groups))


@dataclass(frozen=True)
class Turn:
    """What an attempt does, and what befalls it meanwhile."""

    which: int
    act: str
    between: str | None = None
    more: tuple[Any, ...] = ()


chosen = st.integers(0, 9999)
turns = st.one_of(
    *[st.builds(Turn, which=chosen, act=st.sampled_from(ACTS))] * 6,
    st.builds(Turn, which=chosen, act=st.sampled_from(ACTS), between=st.sampled_from(("lose", "cancel", "retry"))),
    st.builds(Turn, which=chosen, act=st.just("add"), more=st.lists(members, min_size=1, max_size=2).map(tuple)),
)
