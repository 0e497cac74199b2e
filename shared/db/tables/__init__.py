"""Every table, imported once so that the metadata is whole."""

from sqlmodel import SQLModel

from shared.db.tables import (
    alerts,
    analytics,
    events,
    jobs,
    limits,
    notifications,
    orders,
    payments,
    products,
    users,
    videos,
)

metadata = SQLModel.metadata

__all__ = [
    "alerts",
    "analytics",
    "events",
    "jobs",
    "limits",
    "metadata",
    "notifications",
    "orders",
    "payments",
    "products",
    "users",
    "videos",
]
