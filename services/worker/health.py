"""Whether the relay or the unit on this machine is at work, told by what PostgreSQL last heard from here."""

from shared.config import settings
from shared.db.engine import connect

# Both speak to PostgreSQL unasked, several times in a lease; one that is frozen, or cannot go on, falls silent.
# In a container this is exact: the address is its own, and its one process is all that uses it, but for this question.
HEARD = """
select 1 from pg_stat_activity
where client_addr = inet_client_addr() and pid <> pg_backend_pid() and backend_type = 'client backend'
  and state_change > clock_timestamp() - make_interval(secs => %s)
limit 1
"""


def at_work() -> bool:
    """Tell whether it spoke within the time after which a worker counts as dead."""
    with connect() as connection:
        return connection.execute(HEARD, (settings().lease_seconds,)).fetchone() is not None
