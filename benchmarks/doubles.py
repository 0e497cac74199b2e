"""The outside world as the peer has it: a charge, a mail and an SMS are a row each, committed by itself."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from services.worker.gateway import Charge, Gateway, Intent, Outcome, Refund
from shared.db.engine import Connection, connect, thread_connection
from shared.jobs.collaborators import provide
from shared.notifications.mail import Letter, Mailer
from shared.notifications.sms import Carrier, Text

TABLE = "create table if not exists outside (id uuid, what text, body text)"
WRITE = "insert into outside (id, what, body) values (%s, %s, %s)"


def _write(id_: UUID, what: str, body: str) -> None:
    thread_connection().execute(WRITE, (id_, what, body))


class RowGateway(Gateway):
    """Charges everybody."""

    def create(self, charge: Charge) -> Intent:
        return Intent(f"pi_{charge.payment_id.hex}", Outcome.UNASKED, charge.amount, charge.payment_id)

    def confirm(self, intent_id: str) -> Intent:
        payment_id = UUID(intent_id.removeprefix("pi_"))
        _write(payment_id, "charge", "")
        return Intent(intent_id, Outcome.SUCCEEDED, 0, payment_id)

    def retrieve(self, intent_id: str) -> Intent:
        raise NotImplementedError

    def cancel(self, intent_id: str) -> Intent:
        raise NotImplementedError

    def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        raise NotImplementedError

    def refund_of(self, intent_id: str) -> Refund | None:
        raise NotImplementedError

    def refunded(self, intent_id: str) -> int:
        raise NotImplementedError

    def recent(self, within: timedelta) -> Iterable[Intent]:
        raise NotImplementedError


class RowMailer(Mailer):
    def __init__(self) -> None:
        """No server."""

    def send(self, letter: Letter) -> None:
        _write(UUID(letter.message_id[1:].partition("@")[0]), "mail", letter.text)


class RowCarrier(Carrier):
    def __init__(self) -> None:
        """No carrier."""

    def send(self, text: Text) -> str:
        _write(text.id, "sms", text.body)
        return f"SM{text.id.hex}"


def prepare(connection: Connection) -> None:
    connection.execute(TABLE)


def install() -> None:
    """Provide them, in a worker."""
    with connect() as connection:
        prepare(connection)
    provide(Gateway, RowGateway)  # type: ignore[type-abstract]  # it is named, not made
    provide(Mailer, RowMailer)
    provide(Carrier, RowCarrier)
