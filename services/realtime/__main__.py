"""`python -m services.realtime [--node NAME]`: who may hear what, and nobody misses anything."""

import asyncio
import gc
import os
import resource
import signal
import socket
from dataclasses import replace
from typing import Annotated

import typer
import uvloop

from services.realtime.limits import Limits, of
from services.realtime.node import Node
from shared.config import settings
from shared.telemetry import logging

FILES_OF_A_NODE = 200  # beside its connections

#: How many new objects wait for a look through them; the default is fewer than a burst of connections makes.
YOUNG_OBJECTS = 50_000


def main(
    node: Annotated[str, typer.Option(help="Its name; one living process's. A restarted one clears up first.")] = "",
    ping_after: Annotated[float, typer.Option(help="Seconds of silence until a client is asked.")] = 60.0,
    pong_wait: Annotated[float, typer.Option(help="Seconds more until it is closed.")] = 30.0,
    position_every: Annotated[float, typer.Option(help="Seconds until clients hear how far they have heard.")] = 300.0,
) -> None:
    """Serve the Pusher protocol and its HTTP API on one port; several nodes share it."""
    name = node or f"{socket.gethostname()}-{os.getpid()}"
    logging.configure(f"realtime {name}")
    limits = replace(of(settings()), ping_after=ping_after, pong_wait=pong_wait, position_every=position_every)
    _open_files(limits.connections + FILES_OF_A_NODE)
    uvloop.run(_serve(name, limits))


async def _serve(name: str, limits: Limits) -> None:
    node = Node(settings(), name, limits)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, node.stop)
    gc.freeze()  # what is loaded by now stays
    gc.set_threshold(YOUNG_OBJECTS)
    await node.run()


def _open_files(wanted: int) -> None:
    """Ask for as many files as there may be connections; with fewer, later clients are refused by the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


typer.run(main)
