"""The demo's ports and addresses: derived from a few port variables, so that a taken port can be moved by one word."""

import errno
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

# PostgreSQL and Redis listen beside the usual ports: those may be this machine's own.
PORTS = {
    "API_PORT": 8000,
    "REALTIME_PORT": 6001,
    "SANDBOX_PORT": 9000,
    "SANDBOX_SMTP_PORT": 1025,
    "DATABASE_PORT": 55432,
    "REDIS_PORT": 56379,
}
# The shell's own accounts and addresses stay out of the demo: a real key must never meet the sandbox.
FOREIGN = ("STRIPE_", "TWILIO_", "PUSHER_", "SMTP_", "MAIL_", "PG", "SECRET_KEY", "BIND_HOST", "TABOOR_")

REFUSALS = {errno.EADDRINUSE: "taken", errno.EACCES: "for root only"}  # no IPv6 here, for one, is no refusal


class PortTaken(RuntimeError):
    """A port cannot be had; the message names the variable that moves it."""


def chosen_ports(environment: Mapping[str, str]) -> dict[str, int]:
    """Read the port variables."""
    ports = {name: _number(name, environment.get(name, ""), usual) for name, usual in PORTS.items()}
    for name, port in ports.items():
        if twin := next((other for other in ports if other != name and ports[other] == port), None):
            raise PortTaken(f"{name} and {twin} are both {port}: give one of them another port.")
    return ports


def check_free(ports: Mapping[str, int]) -> None:
    """Raise for the first port that we may not have."""
    for name, port in ports.items():
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):  # localhost may mean either
            reason = REFUSALS.get(_refusal(family, host, port))
            if reason:
                other = port + 10_000 if port < 50_000 else port - 10_000
                raise PortTaken(f"Port {port} is {reason}. Move it with {name}, for example: make demo {name}={other}")


def demo_environment(environment: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    """Return what the demo's processes see: the shell's environment, with every address the demo's own."""
    kept = {name: value for name, value in environment.items() if not name.startswith(FOREIGN)}
    sandbox = f"http://127.0.0.1:{ports['SANDBOX_PORT']}"
    return {
        "RESERVATION_SECONDS": "120",  # who plays with the demo does not wait 15 minutes for an order to expire …
        "VIDEO_BACKOFF_SECONDS": "[5, 10, 20]",  # … nor minutes for a second try of a video
        **kept,
        **{name: str(port) for name, port in ports.items()},
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", os.defpath))),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
        "TABOOR_ENV": "demo",
        "PUBLIC_URL": f"http://localhost:{ports['API_PORT']}",
        "DATABASE_URL": f"postgresql://taboor:taboor@127.0.0.1:{ports['DATABASE_PORT']}/taboor",
        "REDIS_URL": f"redis://127.0.0.1:{ports['REDIS_PORT']}/0",
        "STRIPE_API_BASE": sandbox,
        "TWILIO_API_BASE": sandbox,
        "SMTP_URL": f"smtp://127.0.0.1:{ports['SANDBOX_SMTP_PORT']}",
    }


def _number(name: str, text: str, usual: int) -> int:
    if not text:
        return usual
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise PortTaken(f"{name}={text} is no port: a number from 1 to 65535.")
    return int(text)


def _refusal(family: socket.AddressFamily, host: str, port: int) -> int:
    """Return the number of the error that listening there gives, or 0."""
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno or 0
    return 0
