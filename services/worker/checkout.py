"""The check-out, which is the lecture's ProcessOrder: each step with the step that undoes it."""

from services.worker.inventory import release_stock, reserve_stock
from services.worker.orders import confirm_order
from services.worker.payments import charge_payment, refund_payment
from shared.jobs.chain import chain

check_out = chain(
    (reserve_stock, release_stock),
    (charge_payment, refund_payment),
    confirm_order,
    name="check-out",
)
