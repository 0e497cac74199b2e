"""ONE TABLE: what a customer is told of, and by which channels. The words stand in `templates/{locale}/{kind}.txt`."""

from typing import Literal

Channel = Literal["mail", "sms", "database"]

NOTIFICATIONS: dict[str, tuple[Channel, ...]] = {
    "order_confirmed": ("mail", "sms", "database"),
    "order_shipped": ("mail", "sms", "database"),
    # Bad news is one message; the inbox makes no sound.
    "order_rejected": ("mail", "database"),
    "order_cancelled": ("mail", "database"),
    "order_expired": ("mail", "database"),
    "payment_refunded": ("mail", "database"),
}

#: The same for a video's owner.
VIDEOS: dict[str, tuple[Channel, ...]] = {
    "video_processed": ("mail", "database"),
    "video_failed": ("mail", "sms", "database"),
    "video_rejected": ("mail", "database"),
}

#: What operators are told of an alert, by mail and in the inbox.
ALERTS = ("alert_opened", "alert_resolved")
