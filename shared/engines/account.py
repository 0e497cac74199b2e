"""Who runs PostgreSQL, and where: it refuses root, so root has `nobody` run it, in one folder that `nobody` reaches."""

import os
import pwd
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

# Where root may keep the data when the checkout lies in a private folder such as /root. Both outlive a restart.
SHELTERS = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - only the name of a new folder with a random name


class Identity(TypedDict, total=False):
    """What `subprocess.run` needs to run a program as somebody else; empty for ourselves."""

    user: int
    group: int
    extra_groups: Sequence[int]


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    @property
    def identity(self) -> Identity:
        return {} if self.is_ours else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Make a folder that only this account may open."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if not self.is_ours:
            os.chown(folder, self.uid, self.gid)

    def assume(self) -> None:
        """Become this account, for good."""
        if not self.is_ours:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)


def account_for(data: Path) -> Account:
    """Return ourselves, or, if we are root, the owner of the data, or `nobody` where there is none yet."""
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise SystemExit(f"{data} belongs to user {owner.st_uid}, perhaps from a start as root: remove it as root.")
        return Account(os.geteuid(), os.getegid())
    if owner and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def current_home(folder: Path) -> Path:
    """Return the folder that holds the data, if an earlier start has left some."""
    return (folder / "elsewhere").resolve() if (folder / "elsewhere").exists() else folder.resolve()


def settle(folder: Path, account: Account) -> Path:
    """Return a folder that the account can reach: this one, else a new one that a link in this one names."""
    folder.mkdir(parents=True, exist_ok=True)
    home = current_home(folder)
    if account.is_ours or (home / "data").exists():
        return home
    if all(parent.stat().st_mode & 0o001 for parent in home.parents):
        home.chmod(0o755)
        return home
    (folder / "elsewhere").unlink(missing_ok=True)
    shelter = next(place for place in SHELTERS if place.is_dir() and os.access(place, os.W_OK))
    home = Path(tempfile.mkdtemp(prefix="taboor-", dir=shelter))
    home.chmod(0o755)
    (folder / "elsewhere").symlink_to(home)
    return home
