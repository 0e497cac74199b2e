"""PostgreSQL on a loopback port and a socket, with durable commits; as root it runs as somebody else."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg

from shared.engines.account import Account, account_for, current_home, settle
from shared.engines.binaries import postgres_wheel
from shared.engines.process import Engine, become, die_with_parent

USER = DATABASE = "taboor"
PASSWORD = "taboor"  # noqa: S105 - the demo's, in every document
LONGEST_SOCKET = 107 - len("/.s.PGSQL.65535.lock")  # the operating system's limit for the name of a socket
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}  # whatever else the shell had set

# fsync, full_page_writes and synchronous_commit stay on: the proofs kill this server and count the orders.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # our statements are short; compiling them costs more than it brings
}


class PostgresServer(Engine):
    """A PostgreSQL of our own, with the database `taboor` of the user `taboor`."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": roll back what is open and end; SIGTERM would wait for the clients

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        return answers(self.url)


def answers(url: str) -> bool:
    """Say whether a PostgreSQL answers there."""
    try:
        with psycopg.connect(url, connect_timeout=2, autocommit=True) as connection:
            return connection.execute("SELECT true").fetchone() == (True,)
    except psycopg.OperationalError:
        return False


def run(folder: Path, port: int) -> None:
    """Make the data folder if there is none, then become the server, in the foreground."""
    installation = Installation.at(folder)
    installation.prepare()
    installation.account.assume()
    os.chdir(installation.home)
    die_with_parent(PostgresServer.stop_signal)  # after the change of account, which forgets it
    become(installation.server(port), ENVIRONMENT)


@dataclass(frozen=True)
class Installation:
    """PostgreSQL's programs and data, and the account that it runs as."""

    home: Path
    programs: Path
    account: Account

    @classmethod
    def at(cls, folder: Path) -> Self:
        wheel, version = postgres_wheel()
        account = account_for(current_home(folder) / "data")
        home = settle(folder, account)
        if not account.is_ours:  # it may not be able to read our virtual environment
            wheel = _copy(wheel, home / f"program-{version}")
        return cls(home, wheel / "pginstall" / "bin", account)

    @property
    def data(self) -> Path:
        return self.home / "data"

    def prepare(self) -> None:
        """Make the data folder under another name first: a killed first start leaves nothing half made."""
        self.account.own(self.home / "socket")
        if self.data.exists():
            self._check_version()
            return
        unfinished = self.home / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self.account.own(unfinished)
        self._initdb(unfinished)
        self._run("postgres", "--single", "-D", unfinished, "postgres", text=f"CREATE DATABASE {DATABASE}\n")
        unfinished.rename(self.data)

    def server(self, port: int) -> list[str]:
        """Return the command that is the server."""
        socket = str(self.home / "socket")
        settings = SETTINGS | {
            "port": str(port),
            "unix_socket_directories": f'"{socket}"' if len(socket) <= LONGEST_SOCKET else "",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *options]

    def _initdb(self, data: Path) -> None:
        password = self.home / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)  # the demo's password is no secret
        where = ("-D", data, "--username", USER, "--pwfile", password)
        text = ("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C")
        self._run("initdb", *where, *text, "--auth", "scram-sha-256", "--no-instructions")
        password.unlink()

    def _run(self, program: str, *arguments: Path | str, text: str = "") -> None:
        command = [self.programs / program, *arguments]
        subprocess.run(  # noqa: S603 - our own command, no shell
            command, input=text, text=True, check=True, cwd=self.home, env=ENVIRONMENT, **self.account.identity
        )

    def _check_version(self) -> None:
        """Refuse the data of another major version in one clear line."""
        answer = subprocess.check_output([self.programs / "postgres", "--version"], text=True)  # noqa: S603 - our own command, no shell
        ours = answer.split()[-1].split(".")[0]
        there = (self.data / "PG_VERSION").read_text().strip()
        if there != ours:
            raise SystemExit(f"{self.home} holds data of PostgreSQL {there}, this is {ours}: `make clean` forgets it.")


def _copy(wheel: Path, target: Path) -> Path:
    """Copy the wheel and the libraries beside it, readable for all, writable for us only."""
    if not target.exists():
        unfinished = target.with_name(f"{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unneeded = shutil.ignore_patterns("include", "*.a", "__pycache__")
        shutil.copytree(wheel, unfinished / wheel.name, ignore=unneeded)
        if (libraries := wheel.with_name(f"{wheel.name}.libs")).exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755)
        unfinished.rename(target)
    return target / wheel.name
