"""What the tour shows, as one table: its walks, and in each what must happen, in order and within which time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.tour.live import Live
from shared.tour.order import Order
from shared.tour.seen import Look, Seen
from shared.tour.shop import Disappointed, Shop
from shared.tour.video import Video

SOON = 20.0  # seconds; a working system needs less than one, a machine that tests everything at once more
PARCEL = 45.0  # the demo ships a confirmed order after 5 s
FILM = 120.0  # its clip takes seconds of a processor; somebody's hour of film may go before it


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    look: Look
    within: float = SOON
    meanwhile: Callable[[], str] = str  # what to show beside it while it is awaited


@dataclass(frozen=True, slots=True)
class Walk:
    title: str
    steps: tuple[Step, ...]
    about: Order | Video | None = None


def walks(shop: Shop, live: Live, product: Any) -> tuple[Walk, ...]:
    return (
        _an_order(Order(shop, live, product)),
        _a_declined_card(Order(shop, live, product, card="pm_card_chargeDeclined")),
        _one_key_twice(Order(shop, live, product)),
        _a_change_of_mind(Order(shop, live, product)),
        _a_video(Video(shop, live)),
        Walk("The books, read in one snapshot", (Step("balanced", lambda: _balanced(shop)),)),
    )


def _an_order(order: Order) -> Walk:
    steps = (
        Step("placed", order.place),
        Step("reserved", order.fact("StockReserved")),
        Step("confirmed", order.fact("OrderConfirmed")),
        Step("mail", order.told("mail", "order_confirmed")),
        Step("SMS", order.told("sms", "order_confirmed")),
        Step("shipped", order.fact("OrderShipped"), PARCEL),
        Step("mail", order.told("mail", "order_shipped")),
        Step("SMS", order.told("sms", "order_shipped")),
        Step("at the gateway", order.kept(1)),
    )
    return Walk("An order, from the shop to the parcel", steps, order)


def _a_declined_card(order: Order) -> Walk:
    steps = (
        Step("placed", order.place),
        Step("reserved", order.fact("StockReserved")),
        Step("rejected", order.fact("OrderRejected")),
        Step("mail", order.told("mail", "order_rejected")),
        Step("at the gateway", order.kept(0)),
    )
    return Walk("A declined card", steps, order)


def _one_key_twice(order: Order) -> Walk:
    steps = (
        Step("placed", order.place),
        Step("placed again", order.place_again),
        Step("confirmed", order.fact("OrderConfirmed")),
        Step("at the gateway", order.kept(1)),
    )
    return Walk("The same order twice, with one key", steps, order)


def _a_change_of_mind(order: Order) -> Walk:
    steps = (
        Step("placed", order.place),
        Step("confirmed", order.fact("OrderConfirmed")),
        Step("cancellation", order.cancel),
        Step("cancelled", order.fact("OrderCancelled")),
        Step("refunded", order.fact("PaymentRefunded")),
        Step("mail", order.told("mail", "payment_refunded")),
        Step("at the gateway", order.kept(0)),
    )
    return Walk("A change of mind: cancelled, and the money goes back", steps, order)


def _a_video(video: Video) -> Walk:
    steps = (
        Step("uploaded", video.upload),
        Step("poster", video.pictured, FILM),
        Step("processed", video.processed, FILM, video.percent),
        Step("by", video.worked_on),
        Step("mail", video.told()),
        Step("playlist", video.listed),
        Step("or as a file", video.one_file),
    )
    return Walk("A video, from the upload to the player", steps, video)


def _balanced(shop: Shop) -> Seen:
    books = shop.books()
    if not books["balanced"]:
        raise Disappointed(f"The books do not balance: {books['faults'][0]}")
    return Seen("stock, money, messages and jobs agree")
