"""A payment's states and legal moves; the order's state and the money's are two machines."""

from enum import StrEnum

from shared.domain.errors import IllegalMove


class PaymentStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    CANCELED = "canceled"  # the gateway's spelling
    REFUNDING = "refunding"
    REFUNDED = "refunded"


MOVES: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.PENDING: frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.DECLINED, PaymentStatus.CANCELED}),
    PaymentStatus.SUCCEEDED: frozenset({PaymentStatus.REFUNDING}),
    PaymentStatus.REFUNDING: frozenset({PaymentStatus.REFUNDED}),
    PaymentStatus.DECLINED: frozenset(),
    PaymentStatus.CANCELED: frozenset(),
    PaymentStatus.REFUNDED: frozenset(),
}

#: The gateway has answered for good that no money of this payment is, or stays, with us.
WITHOUT_MONEY = frozenset({PaymentStatus.DECLINED, PaymentStatus.CANCELED, PaymentStatus.REFUNDED})


def check_move(status: PaymentStatus, to: PaymentStatus) -> bool:
    """Return True if the move is to be made, False if it was made already; raise IllegalMove if it cannot be."""
    if status == to:
        return False
    if to not in MOVES[status]:
        raise IllegalMove("payment", status, to)
    return True
