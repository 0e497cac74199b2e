"""What can go wrong in the shop, by name."""


class DomainError(Exception):
    """A rule of the shop says no; `code` is what APIs and timelines show."""

    code = "domain_error"


class IllegalMove(DomainError):
    """A thing cannot go from its state to that one."""

    code = "illegal_move"

    def __init__(self, noun: str, state: str, to: str) -> None:
        super().__init__(f"{noun} is {state} and cannot become {to}")
        self.state = state
        self.to = to


class InsufficientStock(DomainError):
    """There is less of a product than was ordered (the lecture's InsufficientStockException)."""

    code = "out_of_stock"

    def __init__(self, product: str) -> None:
        super().__init__(f"not enough {product} in stock")
        self.product = product
