"""`python -m services.worker run | relay | health`: everything that happens after the response.

`figures`, `jobs`, `batches`, `queues`, `schedule` and `videos` are the operators' commands, a module each in commands/.
"""

import signal
from importlib import import_module
from typing import Annotated, Any, Protocol

import typer
from typer.core import TyperGroup

from services.worker.commands.figures import figures

WITH_COMMANDS_OF_THEIR_OWN = ("jobs", "batches", "queues", "schedule", "videos")


class Commands(TyperGroup):
    """Import these when one is asked for: a worker, and a container's health check, need none of it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *WITH_COMMANDS_OF_THEIR_OWN]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in WITH_COMMANDS_OF_THEIR_OWN:
            command = typer.main.get_command(import_module(f"services.worker.commands.{cmd_name}").app)
            command.name = cmd_name
            return command
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=Commands, help="Run a worker unit or the relay; look after jobs and queues.", no_args_is_help=True
)
app.command()(figures)


class Stoppable(Protocol):
    def run(self) -> None: ...
    def stop(self) -> None: ...


@app.command()
def run(
    unit: Annotated[str, typer.Option(help="Its name; a restarted unit takes over from its predecessor.")] = "fast-0",
    queues: Annotated[str, typer.Option(help="The first one's jobs come first.")] = "orders,notifications,default",
    threads: Annotated[int, typer.Option()] = 4,
) -> None:
    """Run the jobs of some queues."""
    import services.worker.listeners  # noqa: PLC0415 - the two tables know every job
    import services.worker.schedule  # noqa: F401, PLC0415 - as above
    from services.worker.unit import Unit  # noqa: PLC0415 - `relay` needs no Dramatiq

    _run(Unit(unit, queues.split(","), threads), f"worker {unit}")


@app.command()
def relay() -> None:
    """Turn facts into jobs and hand due jobs over."""
    from services.worker.listeners import LISTENERS  # noqa: PLC0415 - `run` needs no listener table
    from services.worker.relay import Relay  # noqa: PLC0415 - as above
    from services.worker.schedule import SCHEDULE  # noqa: PLC0415 - as above

    _run(Relay(LISTENERS, SCHEDULE), "relay")


@app.command()
def health() -> None:
    """Say by the exit code whether the relay or the unit on this machine is at work; for a container's health check."""
    from services.worker.health import at_work  # noqa: PLC0415 - `--help` needs no database

    if not at_work():
        raise SystemExit("nothing on this machine has spoken to PostgreSQL within a lease")


def _run(process: Stoppable, name: str) -> None:
    from shared.telemetry.logging import configure  # noqa: PLC0415 - as above

    configure(name)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.stop())
    process.run()


app()
