"""The gateway's published test payment methods, and what the bank says to each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decline:
    code: str
    decline_code: str
    message: str


GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
INSUFFICIENT_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card", "Your card was declined.")
STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.")
FRAUDULENT = Decline("card_declined", "fraudulent", "Your card was declined.")
VELOCITY = Decline(
    "card_declined", "card_velocity_exceeded", "Your card was declined for making repeated attempts too frequently."
)
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
INCORRECT_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
PROCESSING_ERROR = Decline(
    "processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit."
)

ACCEPTED = (
    "pm_card_visa",
    "pm_card_visa_debit",
    "pm_card_mastercard",
    "pm_card_mastercard_debit",
    "pm_card_mastercard_prepaid",
    "pm_card_amex",
    "pm_card_discover",
    "pm_card_diners",
    "pm_card_jcb",
    "pm_card_unionpay",
)
# The gateway publishes most refusals under two names, with and without the brand.
DECLINED = {
    "chargeDeclined": GENERIC,
    "chargeDeclinedInsufficientFunds": INSUFFICIENT_FUNDS,
    "chargeDeclinedLostCard": LOST,
    "chargeDeclinedStolenCard": STOLEN,
    "chargeDeclinedFraudulent": FRAUDULENT,
    "chargeDeclinedVelocityLimitExceeded": VELOCITY,
    "chargeDeclinedExpiredCard": EXPIRED,
    "chargeDeclinedIncorrectCvc": INCORRECT_CVC,
    "chargeDeclinedProcessingError": PROCESSING_ERROR,
}
#: Paid like any other; their refunds begin as the first and end, a little later, as the second.
REFUNDS = {"pm_card_pendingRefund": ("pending", "succeeded"), "pm_card_refundFail": ("succeeded", "failed")}
CARDS: dict[str, Decline | None] = {
    **dict.fromkeys((*ACCEPTED, *REFUNDS), None),
    **{f"pm_card_{name}": decline for name, decline in DECLINED.items()},
    **{f"pm_card_visa_{name}": decline for name, decline in DECLINED.items()},
}


def is_known(payment_method: str) -> bool:
    return payment_method in CARDS


def bank_says(payment_method: str, *, decline_all: bool) -> Decline | None:
    """Return the bank's refusal, or None when it pays."""
    return CARDS[payment_method] or (GENERIC if decline_all else None)
