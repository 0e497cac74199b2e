"""What can happen to a product's pieces, as one table: each line adds so much to each number for every piece."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StockMove:
    """How one piece changes a product; `on_hand` = `received` − `sold` before and after."""

    on_hand: int
    reserved: int
    sold: int


RESERVE = StockMove(on_hand=0, reserved=+1, sold=0)  # promised to an order
RELEASE = StockMove(on_hand=0, reserved=-1, sold=0)  # the promise is taken back
SETTLE = StockMove(on_hand=-1, reserved=-1, sold=+1)  # it left with a shipped order
