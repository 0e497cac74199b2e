"""Hypothesis drives an upload through everything that may become of it, and compares it with a model of a few lines."""

import random
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.ids import new_id
from tests.api import ApiProcess, Customer
from tests.uploading import Tus, checksum, film, id_of

MOST = 1_400_000  # a batch of what is written at once, and more
SIZES = st.sampled_from([1, 10, 65_536, 2**20, 2**20 + 1, MOST])
PIECES = st.sampled_from([0, 1, 7, 65_536, 2**20, MOST])
EXPIRE = "update videos set expires_at = clock_timestamp() - interval '1 second' where id = %s"
CONTENT = film(MOST)


class Uploads(RuleBasedStateMachine):
    """One upload. The model: how long it is to be, how much is there, and whether it still is an upload."""

    api: ApiProcess
    customer: Customer
    seen: Counter[int]  # the answers

    def __init__(self) -> None:
        super().__init__()
        self.tus = Tus(self.api, self.customer)
        self.path = ""
        self.size = self.there = 0
        self.gone = 0  # the status that tells so

    @property
    def whole(self) -> bool:
        return self.there == self.size

    @initialize(size=SIZES, first=PIECES, said=st.booleans())
    def begin(self, size: int, first: int, *, said: bool) -> None:
        first = min(first, size)
        headers = {"Content-Type": "application/offset+octet-stream"} if said else {}
        answer = self.tus.create(size, headers=headers, content=CONTENT[:first] if said else b"")
        assert answer.status_code == 201, answer.text
        self.path, self.size, self.there = answer.headers["location"], size, first if said else 0
        self._check_offset(answer, said=said)

    @rule(piece=PIECES, summed=st.booleans())
    def go_on(self, piece: int, *, summed: bool) -> None:
        """Send the next piece, as long as it is or until the end."""
        content = CONTENT[self.there : min(self.there + piece, self.size)]
        answer = self.tus.patch(self.path, self.there, content, **(checksum(content) if summed else {}))
        if self._is_there(answer):
            self.there += len(content)
            self._check_offset(answer)

    @rule(away=st.integers(-MOST, MOST).filter(bool), piece=PIECES)
    def go_on_elsewhere(self, away: int, piece: int) -> None:
        """Send a piece to where it does not belong."""
        place = self.there + abs(away) if self.there + away < 0 else self.there + away
        answer = self.tus.patch(self.path, place, b"x" * piece)
        if self._is_there(answer, but=409):
            assert answer.headers["upload-offset"] == str(self.there)

    @rule(more=st.integers(1, 100), streamed=st.booleans())
    def send_too_much(self, more: int, *, streamed: bool) -> None:
        content = b"x" * (self.size - self.there + more)
        if not (self.whole and streamed):  # a body that says nothing of itself is not read when nothing is missing
            answer = self.tus.patch(self.path, self.there, iter([content]) if streamed else content)
            self._is_there(answer, but=413)

    @rule(piece=PIECES.filter(bool))
    @precondition(lambda self: not self.whole)
    def send_a_damaged_piece(self, piece: int) -> None:
        content = CONTENT[self.there : min(self.there + piece, self.size)]
        damaged = b"\xff" + content[1:] if content[0] != 0xFF else b"\x00" + content[1:]
        self._is_there(self.tus.patch(self.path, self.there, damaged, **checksum(content, "sha256")), but=460)

    @rule(piece=PIECES.filter(bool), summed=st.booleans())
    @precondition(lambda self: not self.whole and not self.gone)
    def break_off(self, piece: int, *, summed: bool) -> None:
        """Announce all that is missing and one byte less than that at most, send a piece, and be gone."""
        missing = CONTENT[self.there : self.size]
        sent = missing[: min(piece, len(missing) - 1)]
        request = {"X-Request-Id": new_id().hex, **(checksum(missing) if summed else {})}
        with self.tus.sending(self.path, len(missing), self.there, **request) as line:
            line.send(sent)
            line.cut()
        self.tus.wait_until_over(request["X-Request-Id"])
        before, self.there = self.there, self.tus.offset(self.path)
        assert before <= self.there <= (before if summed else before + len(sent))

    @rule()
    def ask(self) -> None:
        answer = self.tus.head(self.path)
        if self._is_there(answer, but=200):
            assert answer.headers["upload-length"] == str(self.size)
            self._check_offset(answer)

    @rule()
    def give_up(self) -> None:
        answer = self.tus.delete(self.path)
        if self._is_there(answer, but=409 if self.whole else 204) and not self.whole:
            self.gone = 404

    @rule()
    @precondition(lambda self: not self.gone)
    def let_it_expire(self) -> None:
        self.api.sql(EXPIRE, id_of(self.path))
        if not self.whole:
            self.gone = 410

    @invariant()
    def what_is_there_is_what_was_sent(self) -> None:
        if not self.path:
            return
        row, stored = self.tus.row(self.path), self.tus.stored(self.path)
        if self.gone == 404:
            assert (row, stored) == (None, b"")
            return
        assert stored == CONTENT[: self.there]
        assert row.status == ("uploaded" if self.whole else "uploading")
        assert self.tus.facts(self.path) == (["VideoUploaded"] if self.whole else [])

    def _is_there(self, answer: Any, but: int = 204) -> bool:
        """Check that this is the answer, or that there is no upload to speak of any more."""
        assert answer.status_code == (self.gone or but), answer.text
        self.seen[answer.status_code] += 1
        return not self.gone

    def _check_offset(self, answer: Any, *, said: bool = True) -> None:
        if said:
            assert answer.headers["upload-offset"] == str(self.there)
        assert ("upload-expires" in answer.headers) is not self.whole

    def teardown(self) -> None:
        """Leave room for the next."""
        self.api.sql("delete from videos where user_id = %s", self.customer.id)
        self.tus.file(self.path).unlink(missing_ok=True)


def test_an_upload_is_what_its_client_may_think_it_is(api: ApiProcess, layla: Customer, dice: random.Random) -> None:
    # Given
    seen = Counter[int]()

    @seed(dice.randrange(2**32))
    class Theirs(Uploads):
        def __init__(self) -> None:
            self.api, self.customer, self.seen = api, layla, seen
            super().__init__()

    # When
    calm = settings(
        max_examples=40,
        stateful_step_count=15,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.generate,),  # how much of a broken line arrives is chance: a shorter example would take minutes
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Theirs, settings=calm)
    # Then what is common has happened, and nothing that is not in the model
    assert {200, 204, 404, 409} <= seen.keys() <= {200, 204, 404, 409, 410, 413, 460}
