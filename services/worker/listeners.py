"""ONE TABLE: what follows from each fact. A job or chain gets the order's id; a function returns its own jobs."""

from services.worker.analytics import subtract_refund, update_analytics
from services.worker.checkout import check_out
from services.worker.inventory import settle_inventory
from services.worker.notifications import (
    keep_delivery_report,
    send_cancellation_notice,
    send_expiry_notice,
    send_order_confirmation,
    send_refund_notice,
    send_rejection_notice,
    send_shipment_notification,
    tell_owner_of_failure,
    tell_owner_of_rejection,
    tell_owner_of_video,
)
from services.worker.orders import cancel_order, ship_in_demo
from services.worker.payments import settle_from_gateway
from services.worker.pictures import process_pictures
from services.worker.videos import process_video
from services.worker.videos_ending import remove_video, stop_video
from shared.events.catalogue import (
    CarrierReported,
    GatewayReported,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
    OrderRejected,
    OrderShipped,
    PaymentRefunded,
    ProductAdded,
    VideoCancelled,
    VideoDeleted,
    VideoFailed,
    VideoProcessed,
    VideoRejected,
    VideoResubmitted,
    VideoUploaded,
)
from shared.events.expand import Listeners

LISTENERS: Listeners = {
    OrderPlaced: [check_out],
    OrderConfirmed: [send_order_confirmation, update_analytics, ship_in_demo],
    OrderShipped: [send_shipment_notification, settle_inventory],
    OrderCancellationRequested: [cancel_order],
    OrderCancelled: [send_cancellation_notice],
    OrderRejected: [send_rejection_notice],
    OrderExpired: [send_expiry_notice],
    PaymentRefunded: [send_refund_notice, subtract_refund],
    GatewayReported: [settle_from_gateway],
    CarrierReported: [keep_delivery_report],
    ProductAdded: [process_pictures],
    VideoUploaded: [process_video],
    VideoResubmitted: [process_video],
    VideoProcessed: [tell_owner_of_video],
    VideoFailed: [tell_owner_of_failure],
    VideoRejected: [tell_owner_of_rejection],
    VideoCancelled: [stop_video],
    VideoDeleted: [remove_video],
}
