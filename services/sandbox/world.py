"""What every part of the sandbox shares: its memory, its switches, what it still has to deliver."""

from dataclasses import dataclass

from starlette.requests import Request

from services.sandbox.idempotency import IdempotencyKeys
from services.sandbox.outbox import Outbox
from services.sandbox.store import Store
from services.sandbox.switches import Switches
from shared.config import Settings


@dataclass(frozen=True, slots=True)
class World:
    settings: Settings
    store: Store
    switches: Switches
    keys: IdempotencyKeys
    outbox: Outbox


def make_world(settings: Settings) -> World:
    store = Store(settings.sandbox_database)
    switches = Switches(store)
    return World(settings, store, switches, IdempotencyKeys(store), Outbox(store, switches))


def world_of(request: Request) -> World:
    world: World = request.app.state.world
    return world
