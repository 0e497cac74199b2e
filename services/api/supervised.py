"""What supervisord keeps running on this machine; nothing where there is none, as in containers."""

import http.client
import xmlrpc.client
from typing import Any

from shared.config import settings


def programs() -> list[dict[str, Any]]:
    """Ask supervisord for the state of each of its programs, in its own words."""
    from supervisor.xmlrpc import SupervisorTransport  # noqa: PLC0415 - slow to import, and only needed here

    transport = SupervisorTransport(None, None, f"unix://{settings().supervisor_socket}")
    try:
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            found: Any = server.supervisor.getAllProcessInfo()
            return list(found)
    except (OSError, http.client.HTTPException):
        return []
