"""Money is an integer of minor units (piastres, cents) with its currency; it is never a float."""

from dataclasses import dataclass
from typing import Self

MINOR_DIGITS = {"EGP": 2, "USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}


@dataclass(frozen=True, slots=True)
class Money:
    amount: int
    currency: str

    def __add__(self, other: Self) -> Self:
        if self.currency != other.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return type(self)(self.amount + other.amount, self.currency)

    def __mul__(self, pieces: int) -> Self:
        return type(self)(self.amount * pieces, self.currency)

    def __str__(self) -> str:
        digits = MINOR_DIGITS.get(self.currency, 2)
        whole, part = divmod(abs(self.amount), 10**digits)
        sign = "-" if self.amount < 0 else ""
        return f"{sign}{whole:,}{f'.{part:0{digits}}' if digits else ''} {self.currency}"
