"""Every setting of every process, read once from the environment; a laptop needs none of them."""

from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent

LAPTOP_SECRET = "taboor-laptop-secret-never-in-production"  # noqa: S105 - refused in production, see below
SANDBOX_STRIPE_KEY = "sk_test_taboor"
SANDBOX_WEBHOOK_SECRET = "whsec_taboor"  # noqa: S105 - the sandbox's, refused in production
SANDBOX_TWILIO_SID = "ACtaboor0000000000000000000000000"
SANDBOX_TWILIO_TOKEN = "taboor-twilio-token"  # noqa: S105 - the sandbox's, refused in production
PUSHER_SECRET = "taboor-secret"  # noqa: S105 - the documents', refused in production


KNOWN_SECRETS = {LAPTOP_SECRET, SANDBOX_STRIPE_KEY, SANDBOX_WEBHOOK_SECRET, SANDBOX_TWILIO_TOKEN, PUSHER_SECRET}
SHORTEST_SECRET = 16
SECRETS = ("secret_key", "stripe_api_key", "stripe_webhook_secret", "twilio_auth_token", "pusher_app_secret")
ADDRESSES = ("public_url", "stripe_api_base", "twilio_api_base", "smtp_url")
HOME = {"localhost", "sandbox"}  # as a part of a host's name: sandbox.internal


class Settings(BaseSettings):
    """What the environment says. Names are the environment's, in lower case."""

    model_config = SettingsConfigDict(env_file=None, frozen=True, extra="ignore", hide_input_in_errors=True)

    taboor_env: Literal["demo", "production"] = "demo"
    secret_key: SecretStr = SecretStr(LAPTOP_SECRET)
    public_url: str = "http://localhost:8000"
    database_url: str = "postgresql://taboor:taboor@127.0.0.1:55432/taboor"
    redis_url: str = "redis://127.0.0.1:56379/0"

    bind_host: str = "127.0.0.1"  # containers bind 0.0.0.0 and publish on loopback only
    api_port: int = 8000
    realtime_port: int = 6001
    forwarded_allow_ips: str = "127.0.0.1,::1"  # the proxies (addresses, networks) that say who is behind them
    sandbox_port: int = 9000
    sandbox_smtp_port: int = 1025
    sandbox_database: Path = ROOT / "var" / "sandbox.sqlite3"

    files: Path = ROOT / "var" / "files"  # what jobs make and the API serves: API and workers must share it
    picture_sources: Path = ROOT / "shared" / "db" / "pictures"  # a picture for each product's slug

    upload_bytes: int = Field(10 * 2**30, gt=0)  # the largest upload
    upload_hours: float = Field(24.0, gt=0)  # an upload that nobody goes on with is given up after …
    uploads_at_once: int = Field(20, gt=0)  # unfinished ones of one user
    videos_bytes: int = Field(50 * 2**30, gt=0)  # what one user's uploads may take in all
    disk_reserve_bytes: int = Field(2 * 2**30, ge=0)  # as much of the disk stays free: no upload, no processing
    video_seconds: float = Field(4 * 3600.0, gt=0)  # the longest video
    video_chunk_seconds: float = Field(180.0, gt=0)  # a longer one is cut into chunks, if there are workers for them
    video_backoff_seconds: tuple[float, ...] = (60, 120, 180)  # between the tries of a job of a video
    keep_sources_days: float = Field(30.0, ge=0)  # how long an upload is kept after its video was finished
    playback_hours: float = Field(6.0, gt=0)  # how long an address to play a video is good
    ffmpeg: str = ""  # the program; empty: the one on PATH, else the wheel's …
    ffprobe: str = ""

    supervisor_socket: Path = ROOT / "var" / "supervisor.sock"  # where the demo's supervisord is asked and told

    page_files: Path = ROOT / "services" / "web" / "dist"  # the built page; where there is none, a front door stands in

    pusher_app_id: str = "1"
    pusher_app_key: str = "taboor-key"
    pusher_app_secret: SecretStr = SecretStr(PUSHER_SECRET)
    pusher_host: str = "127.0.0.1"
    pusher_port: int = 6001
    pusher_scheme: Literal["http", "https"] = "http"
    broadcast_connection: Literal["taboor", "pusher", "log", "null"] = "taboor"  # where facts are heard

    realtime_public_host: str = ""  # where browsers find the realtime service; empty: where they found the page …
    realtime_public_port: int = 0  # … 0: at realtime_port; a proxy that ends TLS has a port of its own
    realtime_origins: str = ""  # the pages that may connect, by comma: https://shop.example; empty: all
    realtime_connections: int = Field(10_000, gt=0)  # of one node
    realtime_subscriptions: int = Field(200, gt=0)  # of one connection
    realtime_client_events: int = Field(10, gt=0)  # of one connection, a second
    sse_streams: int = Field(500, gt=0)  # server-sent events: streams of one API process at once
    sse_heartbeat_seconds: float = Field(15.0, gt=0)  # as often is asked whether a stream may go on
    webhook_url: str = ""  # whom the realtime service tells of channels and members; empty: nobody

    stripe_api_base: str = "http://127.0.0.1:9000"
    stripe_api_key: SecretStr = SecretStr(SANDBOX_STRIPE_KEY)
    stripe_webhook_secret: SecretStr = SecretStr(SANDBOX_WEBHOOK_SECRET)
    twilio_api_base: str = "http://127.0.0.1:9000"
    twilio_account_sid: str = SANDBOX_TWILIO_SID
    twilio_auth_token: SecretStr = SecretStr(SANDBOX_TWILIO_TOKEN)
    twilio_from: str = "+15005550006"
    sms_per_second: int = Field(100, gt=0)  # what the carrier takes; more wait in the ledger
    smtp_url: str = "smtp://127.0.0.1:1025"
    mail_from: str = "Taboor <shop@taboor.example>"

    shop_currency: str = "EGP"
    shop_time_zone: str = "Africa/Cairo"
    reservation_seconds: int = 900  # how long stock is held for an unpaid order (the demo says 120)
    refund_orphans_at_most: int = Field(20, ge=0)  # charges of no live order; of more a person decides
    demo_ships_after_seconds: float = 5.0  # in the demo nobody sits at the packing table

    metrics_token: SecretStr = SecretStr("")  # who asks the API for /metrics; without it nobody may, in production
    relay_metrics_port: int = 0  # where a relay answers Prometheus; 0: nowhere

    alert_waiting_seconds: float = 300  # a queue's oldest due job
    alert_silent_seconds: float = 60  # jobs are due in a queue, and nobody serves it or nothing of it ends
    alert_failure_rate: float = 0.5  # of a job's attempts of the last five minutes …
    alert_failure_attempts: int = 20  # … if there were so many
    alert_lost_attempts: int = 3  # a job's workers that died in the last five minutes
    alert_stalled_seconds: float = 300  # orders, payments, facts and chains beyond their time
    alert_quiet_seconds: float = 120  # an alert is over when it was not so for as long

    lease_seconds: float = Field(10.0, gt=0)  # how long a silent worker keeps its jobs
    lost_cap: int = 5  # a job that lost so many leases kills its workers: it stops
    lost_message_seconds: float = 2.0  # a row queued for longer is looked up in Redis
    hand_over_per_thread: int = 2  # how many messages Redis holds for each live thread …
    hand_over_at_least: int = 16  # … and at least; what Redis does not hold it cannot lose

    keep_jobs_days: float = Field(7.0, ge=0)  # how long a job is kept that has succeeded or was cancelled …
    keep_failed_jobs_days: float = Field(30.0, ge=0)  # … and one that failed, which may still be tried again

    @property
    def in_demo(self) -> bool:
        return self.taboor_env == "demo"

    @model_validator(mode="after")
    def _production_is_no_laptop(self) -> Self:
        """Refuse the documents' secrets and the sandbox where customers are real."""
        if self.in_demo:
            return self
        unsafe = [name for name in SECRETS if _is_unsafe(getattr(self, name).get_secret_value())]
        at_home = [name for name in ADDRESSES if _is_at_home(getattr(self, name))]
        sandboxs = ["twilio_account_sid"] if self.twilio_account_sid in ("", SANDBOX_TWILIO_SID) else []
        if not self.public_url.startswith("https://"):
            at_home.append("public_url")  # passwords and access tokens would go in the clear
        if refused := [name.upper() for name in dict.fromkeys((*unsafe, *at_home, *sandboxs))]:
            raise ValueError(
                f"production refuses what the demo uses, what is too short, and plain http, for {', '.join(refused)}"
            )
        return self


def _is_unsafe(secret: str) -> bool:
    return secret in KNOWN_SECRETS or len(secret) < SHORTEST_SECRET


def _is_at_home(url: str) -> bool:
    """Say whether an address leads to this machine, to the sandbox, or nowhere."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    try:
        number = ip_address(host)
    except ValueError:
        return host in ("", "api") or not HOME.isdisjoint(host.rstrip(".").split("."))
    return number.is_loopback or number.is_unspecified


@lru_cache
def settings() -> Settings:
    """Return the one reading of the environment that this process lives with."""
    return Settings()
