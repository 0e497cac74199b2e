"""An order's states and its legal moves, as one table."""

from enum import StrEnum

from shared.domain.errors import IllegalMove


class OrderStatus(StrEnum):
    PLACED = "placed"
    RESERVED = "reserved"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PLACED: frozenset({OrderStatus.RESERVED, OrderStatus.REJECTED, OrderStatus.CANCELLED}),
    OrderStatus.RESERVED: frozenset(
        {OrderStatus.CONFIRMED, OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED}
    ),
    OrderStatus.CONFIRMED: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
}

#: In these states an order's pieces are counted in its products' `reserved`.
HOLDS_STOCK = frozenset({OrderStatus.RESERVED, OrderStatus.CONFIRMED})

#: From these states a customer may still cancel.
CANCELLABLE = frozenset(status for status, moves in MOVES.items() if OrderStatus.CANCELLED in moves)

#: Here nothing more will happen.
ENDED = frozenset(status for status, moves in MOVES.items() if not moves)


def check_move(status: OrderStatus, to: OrderStatus) -> bool:
    """Return True if the move is to be made, False if it was made already; raise IllegalMove if it cannot be."""
    if status == to:
        return False
    if to not in MOVES[status]:
        raise IllegalMove("order", status, to)
    return True


def check_shipment(status: OrderStatus, *, cancel_requested: bool) -> bool:
    """As `check_move` to shipped; an order whose cancellation is under way is no longer packed."""
    if cancel_requested and status is OrderStatus.CONFIRMED:
        raise IllegalMove("order", "being cancelled", OrderStatus.SHIPPED)
    return check_move(status, OrderStatus.SHIPPED)
