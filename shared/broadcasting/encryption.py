"""Keys of encrypted channels: made from our secret, for whoever may listen, and the same at every end."""

import base64
import hashlib
import hmac

from shared.config import settings

_PURPOSE = b"taboor: encrypted channels"


def master_key() -> bytes:
    """Return 32 bytes; in base64 they are the `encryption_master_key_base64` of Pusher's publishing libraries."""
    return hmac.new(settings().secret_key.get_secret_value().encode(), _PURPOSE, hashlib.sha256).digest()


def shared_secret(wire_name: str) -> str:
    """Return one channel's key in base64, as the protocol makes it."""
    return base64.b64encode(hashlib.sha256(wire_name.encode() + master_key()).digest()).decode()
