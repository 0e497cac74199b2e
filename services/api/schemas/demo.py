"""Break something, as the API hears and tells it; in the demo only."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StrictBool

from services.api.schemas.figures import Percentiles

Value = StrictBool | Annotated[int, Field(strict=True, ge=0, le=10**6)]


class Switch(BaseModel):
    name: str
    kind: Literal["on_off", "count", "milliseconds"]
    value: bool | int
    does: str
    expect: str


class Switches(BaseModel):
    items: list[Switch]


class TurnSwitches(RootModel[dict[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")], Value]]):
    """Values by the switches' names; the others stay as they are."""


class Letter(BaseModel):
    channel: Literal["mail", "sms"]
    to: str
    sender: str = Field(validation_alias="from")
    subject: str | None
    text: str
    message_id: str | None
    received_at: datetime


class Mailbox(BaseModel):
    items: list[Letter] = Field(description="the newest first")


class Charge(BaseModel):
    intent: str = Field(validation_alias="id")
    status: str = Field(description="the gateway's word", examples=["succeeded"])
    received: int = Field(validation_alias="amount_received", description="minor units")
    refunded: int = Field(validation_alias="amount_refunded", description="minor units")


class Charges(BaseModel):
    items: list[Charge]


class Process(BaseModel):
    name: str
    group: str
    state: str = Field(examples=["RUNNING"])
    pid: int | None
    started_at: datetime | None = Field(description="the last time")


class Processes(BaseModel):
    supervised: bool = Field(description="whether a supervisor runs here; in containers Docker does its work")
    items: list[Process]


class StartLoad(BaseModel):
    model_config = ConfigDict(extra="forbid")

    per_second: int = Field(5, ge=1, le=20)
    seconds: int = Field(30, ge=1, le=120)


class Load(BaseModel):
    """The load that runs, or the last one that ran."""

    running: bool
    per_second: int
    seconds: int
    started_at: datetime | None
    placed: int
    failed: int = Field(description="requests that were not answered with 202")
    answered: Percentiles | None = Field(description="how long `POST /orders` took, in seconds")
    statuses: dict[str, int] = Field(description="how the orders of this load stand now")
    confirmed: Percentiles | None = Field(description="from placed to confirmed, in seconds")
