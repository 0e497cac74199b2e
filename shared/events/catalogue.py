"""ONE LIST: every event of the system, what it carries and where it is heard."""

from collections.abc import Sequence
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.broadcasting import keys
from shared.events.event import Event, private
from shared.events.snapshots import OrderSnapshot, ProductSnapshot, VideoSnapshot


class OrderEvent(Event):
    """What happened to an order: heard by its owner and by the operators."""

    aggregate = "order"
    order: OrderSnapshot

    @property
    def aggregate_id(self) -> UUID:
        return self.order.id

    @property
    def aggregate_version(self) -> int:
        return self.order.version

    def broadcast_on(self) -> Sequence[str]:
        return (private(f"orders.{self.order.id}"), private(f"user.{self.order.user_id}"), private("orders"))


class OrderPlaced(OrderEvent):
    pass


class StockReserved(OrderEvent):
    pass


class OrderConfirmed(OrderEvent):
    pass


class OrderRejected(OrderEvent):
    """`order.reason` says why: out_of_stock, card_declined."""


class OrderCancellationRequested(OrderEvent):
    pass


class OrderCancelled(OrderEvent):
    pass


class OrderExpired(OrderEvent):
    pass


class OrderShipped(OrderEvent):
    pass


class PaymentRefunded(OrderEvent):
    amount: int  # minor units


class NotificationSent(Event):
    """A customer was told: heard by that customer."""

    aggregate = "order"
    notification_id: UUID
    order_id: UUID
    user_id: UUID
    order_version: int
    kind: str
    channel: Literal["mail", "sms", "database"]
    recipient: str
    subject: str

    @property
    def aggregate_id(self) -> UUID:
        return self.order_id

    @property
    def aggregate_version(self) -> int:
        return self.order_version

    def broadcast_on(self) -> Sequence[str]:
        return (private(f"user.{self.user_id}"), private(f"orders.{self.order_id}"))


class NotificationStored(Event):
    """Somebody has it in the inbox: told as Laravel does, for `Echo.private('App.Models.User.7').notification(…)`."""

    aggregate = "notification"
    id: UUID
    type: str  # the class that it would be in Laravel
    user_id: UUID
    kind: str
    about: UUID  # the order, or for operators the alert
    subject: str
    body: str

    @property
    def aggregate_id(self) -> UUID:
        return self.id

    @property
    def aggregate_version(self) -> int:
        return 0  # it never changes

    @classmethod
    def broadcast_as(cls) -> str:
        return keys.NOTIFICATION

    def broadcast_on(self) -> Sequence[str]:
        return (private(f"App.Models.User.{self.user_id}"),)


class GatewayReported(Event):
    """The card gateway told us something about a payment; a job asks what is true and acts on it."""

    aggregate = "payment"
    payment_id: UUID
    intent_id: str
    kind: str  # the gateway's word: payment_intent.succeeded, charge.refunded, …

    @property
    def aggregate_id(self) -> UUID:
        return self.payment_id

    @property
    def aggregate_version(self) -> int:
        return 0  # a report moves nothing: what follows from it does


class CarrierReported(Event):
    """The SMS carrier told us how far a message has come."""

    aggregate = "notification"
    notification_id: UUID | None  # none while the job that sent it has not yet written down the carrier's id
    provider_id: str
    status: str  # the carrier's word: sent, delivered, undelivered, …

    @property
    def aggregate_id(self) -> UUID:
        return self.notification_id or uuid5(NAMESPACE_URL, self.provider_id)

    @property
    def aggregate_version(self) -> int:
        return 0  # as above


class ProductEvent(Event):
    """What happened to a product, which has no versions: nothing is compared with it."""

    aggregate = "product"
    product: ProductSnapshot

    @property
    def aggregate_id(self) -> UUID:
        return self.product.id

    @property
    def aggregate_version(self) -> int:
        return 0


class ProductAdded(ProductEvent):
    pass


class PicturesProcessed(ProductEvent):
    """The product can be looked at, in every size."""

    pictures: dict[str, str]  # size: address in the API


class VideoEvent(Event):
    """What happened to a video: heard by its owner."""

    aggregate = "video"
    video: VideoSnapshot

    @property
    def aggregate_id(self) -> UUID:
        return self.video.id

    @property
    def aggregate_version(self) -> int:
        return self.video.version

    def broadcast_on(self) -> Sequence[str]:
        return (private(f"videos.{self.video.id}"), private(f"user.{self.video.user_id}"))


class VideoUploaded(VideoEvent):
    """All of it is here."""


class VideoResubmitted(VideoEvent):
    """It is to be processed again, from what was uploaded."""


class VideoProcessed(VideoEvent):
    """It can be played, at `video.processed_url`."""


class VideoFailed(VideoEvent):
    """We could not process it; trying again may help. `video.reason` says why."""


class VideoRejected(VideoEvent):
    """The file is at fault; `video.code` and `video.reason` say how."""


class VideoCancelled(VideoEvent):
    """Its owner wanted no more of it for now."""


class VideoDeleted(VideoEvent):
    """Its owner does not want it any more: its files go."""


class SessionRevoked(Event):
    """Somebody signed out, or was signed out: what the session opened is closed. No client hears of it."""

    aggregate = "session"
    session_id: UUID
    user_id: UUID

    @property
    def aggregate_id(self) -> UUID:
        return self.session_id

    @property
    def aggregate_version(self) -> int:
        return 0  # a session has no versions

    def broadcast_on(self) -> Sequence[str]:
        return (keys.session(self.session_id),)


EVENTS: tuple[type[Event], ...] = (
    OrderPlaced,
    StockReserved,
    OrderConfirmed,
    OrderRejected,
    OrderCancellationRequested,
    OrderCancelled,
    OrderExpired,
    OrderShipped,
    PaymentRefunded,
    NotificationSent,
    NotificationStored,
    GatewayReported,
    CarrierReported,
    ProductAdded,
    PicturesProcessed,
    VideoUploaded,
    VideoResubmitted,
    VideoProcessed,
    VideoFailed,
    VideoRejected,
    VideoCancelled,
    VideoDeleted,
    SessionRevoked,
)

_BY_NAME = {event.__name__: event for event in EVENTS}


class UnknownEvent(Exception):
    """The row was written by a version of the code that knows more than this one."""


def load(name: str, version: int, payload: dict[str, object] | str) -> Event:
    """Return the event of a stored row; raise UnknownEvent for a name or version this code does not have.

    payload: as it is stored, or the text of it, which is read faster.
    """
    kind = _BY_NAME.get(name)
    if kind is None or kind.version != version:
        raise UnknownEvent(f"{name} version {version}")
    return kind.model_validate_json(payload) if isinstance(payload, str) else kind.model_validate(payload)
