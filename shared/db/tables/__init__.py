"""Every table, imported once so that the metadata is whole."""

from sqlmodel import SQLModel

from shared.db.tables import analytics, events, jobs, notifications, orders, payments, products, users

metadata = SQLModel.metadata

__all__ = ["analytics", "events", "jobs", "metadata", "notifications", "orders", "payments", "products", "users"]
