"""The demo's shop: what it sells, and three people. Run again it changes nothing, least of all the stock."""

from typing import Any

import psycopg
from pwdlib import PasswordHash

from shared.config import settings
from shared.db.engine import arguments
from shared.db.sql import product_list, users
from shared.db.transaction import Transaction, transaction
from shared.events.catalogue import ProductAdded
from shared.events.record import record
from shared.ids import new_id

PASSWORD = "taboor"  # noqa: S105 - in every document, and good in the demo only

#: slug, English, Arabic, price in piastres, pieces
PRODUCTS = (
    ("walnut-desk", "Walnut desk", "مكتب خشب جوز", 1_850_000, 50),
    ("reading-lamp", "Reading lamp", "أباجورة قراءة", 145_000, 200),
    ("cane-chair", "Cane chair", "كرسي خيزران", 420_000, 120),
    ("brass-tray", "Brass tray", "صينية نحاس", 98_500, 300),
    ("cotton-rug", "Cotton rug", "سجادة قطن", 365_000, 80),
    ("coffee-pot", "Coffee pot", "كنكة قهوة", 32_000, 500),
    ("siwa-basket", "Basket from Siwa", "سبت خوص سيوي", 56_000, 250),
    ("linen-curtain", "Linen curtain", "ستارة كتان", 210_000, 150),
)

#: e-mail, name, phone, language, role
USERS = (
    ("layla@example.com", "ليلى", "+201001234567", "ar", "customer"),
    ("omar@example.com", "Omar", "+201112345678", "en", "customer"),
    ("nour@example.com", "Nour", None, "en", "operator"),
)


def seed(database_url: str) -> None:
    """Add what is missing. In production only the catalogue: a password that everybody knows is no password."""
    connection: psycopg.Connection[Any] = psycopg.connect(database_url, **arguments())
    with connection:
        new = _new_users(connection) if settings().in_demo else []
        with transaction(connection) as tx:
            tx.execute("select pg_advisory_xact_lock(7480)")  # two containers may start at once
            _products(tx)
            there = users.known(tx) if new else set()
            for user in new:
                if user["email"] not in there:
                    users.insert(tx, user)


def _products(tx: Transaction) -> None:
    there = product_list.slugs(tx)
    for slug, name_en, name_ar, price, received in PRODUCTS:
        if slug not in there:
            product = {"id": new_id(), "slug": slug, "name_en": name_en, "name_ar": name_ar, "received": received}
            product_list.insert(tx, {**product, "price": price, "currency": settings().shop_currency})
    for untold in product_list.untold(tx, [slug for slug, *_ in PRODUCTS]):
        record(tx, ProductAdded(product=untold))


def _new_users(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Return the users that are missing. Hashing takes long on a busy machine: no transaction is open meanwhile."""
    with transaction(connection) as tx:
        there = users.known(tx)
    missing = [user for user in USERS if user[0] not in there]
    argon2 = PasswordHash.recommended() if missing else None
    new = []
    for email, name, phone, locale, role in missing:
        assert argon2
        user = {"id": new_id(), "email": email, "name": name, "phone": phone, "locale": locale, "role": role}
        new.append({**user, "password_hash": argon2.hash(PASSWORD)})
    return new
