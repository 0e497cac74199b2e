"""The peer's three jobs, statement by statement, on our ledger: what it costs, apart from what our shop does more.

Our own check-out has seven jobs, facts, an inbox and a gateway that may fail; this has what `peers/orders.php` has.
"""

from shared.db.engine import Connection
from shared.db.transaction import Transaction, transaction
from shared.ids import new_id
from shared.jobs.job import dispatch_all, job

PRODUCTS = 100
AT_ONCE = 50

SCHEMA = """
create schema peer;
create table peer.products (id serial primary key, name text, stock int);
create table peer.orders (id uuid primary key, number text, status text, total int,
                          created_at timestamptz default now(), updated_at timestamptz default now());
create table peer.order_items (id serial primary key, order_id uuid references peer.orders, product_id int,
                               quantity int);
create index on peer.order_items (order_id);
create table peer.payments (id serial primary key, order_id uuid references peer.orders, amount int);
create table peer.analytics (id serial primary key, order_id uuid references peer.orders, amount int);
create table peer.notifications (id serial primary key, order_id uuid references peer.orders, channel text, body text);
insert into peer.products (name, stock) select 'p' || n, 1000000 from generate_series(1, 100) n
"""
ORDER = "insert into peer.orders (id, number, status, total) values (%s, %s, 'pending', 4200)"
ITEMS = "insert into peer.order_items (order_id, product_id, quantity) values (%s, %s, 1), (%s, %s, 2)"

READ = """
select o.number, o.total, bool_and(p.stock >= i.quantity) as enough
from peer.orders o join peer.order_items i on i.order_id = o.id join peer.products p on p.id = i.product_id
where o.id = %s group by o.id
"""
PAY = "insert into peer.payments (order_id, amount) values (%s, %s)"
CONFIRM = "update peer.orders set status = 'confirmed', updated_at = now() where id = %s"
COUNT = "insert into peer.analytics (order_id, amount) values (%s, %s)"
LOCK = """
select 1 from peer.products where id in (select product_id from peer.order_items where order_id = %s)
order by id for no key update
"""
TAKE = """
update peer.products p set stock = p.stock - i.quantity
from peer.order_items i where i.order_id = %s and p.id = i.product_id
"""
TELL = "insert into peer.notifications (order_id, channel, body) values (%s, %s, %s)"


class OutOfStock(Exception):
    """As in the peer."""


@job(queue="default")
def process_order(tx: Transaction, order_id: str) -> None:
    order = tx.one(READ, (order_id,))
    if not order.enough:
        raise OutOfStock(order_id)
    tx.execute(PAY, (order_id, order.total))
    tx.execute(CONFIRM, (order_id,))
    tx.execute(COUNT, (order_id, order.total))
    dispatch_all(tx, (kind.message(order_id, order.number) for kind in (mail_confirmation, text_confirmation)))
    tx.execute(LOCK, (order_id,))
    tx.execute(TAKE, (order_id,))


@job(queue="default")
def mail_confirmation(tx: Transaction, order_id: str, number: str) -> None:
    tx.execute(TELL, (order_id, "mail", f"Your order #{number} is confirmed!"))


@job(queue="default")
def text_confirmation(tx: Transaction, order_id: str, number: str) -> None:
    tx.execute(TELL, (order_id, "sms", f"Your order #{number} is confirmed!"))


def place(connection: Connection, orders: int) -> None:
    """Make the tables, and place so many orders of two lines."""
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    for first in range(0, orders, AT_ONCE):
        with transaction(connection) as tx:
            for number in range(first, min(first + AT_ONCE, orders)):
                order_id = new_id()
                tx.execute(ORDER, (order_id, f"N{number}"))
                products = (1 + number % PRODUCTS, 1 + (number * 7 + 3) % PRODUCTS)
                tx.execute(ITEMS, (order_id, products[0], order_id, products[1]))
                process_order.dispatch(tx, str(order_id))
