"""docs/asyncapi.yaml is what the code says, and what the code says is true of the events."""

import json
import re
from typing import Any

import pytest

from services.realtime import frames
from shared.broadcasting import asyncapi
from shared.broadcasting.channels import CHANNELS
from shared.broadcasting.signals import SIGNALS
from shared.config import ROOT
from shared.events.catalogue import EVENTS
from shared.events.event import Event
from tests.events import golden_payload

DOCUMENT = asyncapi.describe()
MESSAGES = DOCUMENT["components"]["messages"]
SCHEMAS = DOCUMENT["components"]["schemas"]
#: No client hears these.
OUR_OWN = {
    "SessionRevoked",
    "GatewayReported",
    "CarrierReported",
    "ProductAdded",
    "PicturesProcessed",
}


def test_the_description_in_docs_is_the_codes() -> None:
    assert (ROOT / "docs" / "asyncapi.yaml").read_text() == asyncapi.text(), "run `make asyncapi`"


def test_whatever_a_client_can_hear_is_described() -> None:
    known = {kind.__name__ for kind in (*EVENTS, *SIGNALS)}
    assert known - set(MESSAGES) == OUR_OWN
    assert all(channel["messages"] for channel in DOCUMENT["channels"].values())


def test_whoever_may_listen_to_a_private_channel_is_said_in_the_table() -> None:
    private = {channel["address"] for channel in DOCUMENT["channels"].values() if "-" in channel["address"]}
    assert private == {pattern for pattern in CHANNELS if not pattern.startswith("presence-")}


@pytest.mark.parametrize("event", [event for event in EVENTS if event.__name__ in MESSAGES], ids=lambda e: e.__name__)
def test_a_fact_has_the_fields_that_the_description_says(event: type[Event]) -> None:
    payload = golden_payload(event.__name__, event.version)
    assert {*payload, "event_id"} == set(SCHEMAS[event.__name__]["properties"])
    assert MESSAGES[event.__name__]["name"] == event.broadcast_as()


def test_the_codes_with_which_the_service_closes_are_the_documents() -> None:
    # Given every line of the realtime service that names one
    told = re.compile(r"(?:Refusal|Shut|\bshut)\((4\d\d\d),|call_soon\([\w.]+shut, (4\d\d\d),")
    texts = [path.read_text() for path in (ROOT / "services" / "realtime").glob("*.py")]
    codes = {code for text in texts for pair in told.findall(text) for code in pair if code}
    # Then the document has these and no others
    assert codes == set(DOCUMENT["x-close-codes"])


def test_what_is_ours_in_the_protocol_is_said_as_it_is_described() -> None:
    for key, frame in (
        ("Position", frames.position("products", 7)),
        ("ResumeFailed", frames.resume_failed("products")),
    ):
        said = json.loads(frame)
        assert said["event"] == MESSAGES[key]["name"]
        assert set(json.loads(said["data"])) == set(SCHEMAS[key].get("properties", {}))


def test_every_reference_leads_somewhere() -> None:
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))
    assert references
    for reference in references:
        place: Any = DOCUMENT
        for step in reference.split("/"):
            place = place[step]


def test_no_word_of_the_text_is_anything_else_in_yaml() -> None:
    # Given words that YAML would take for something else
    lines = list(asyncapi._lines({"no": [True, None, "null", "yes", "1", "a: b", {"x": 1, "y": []}]}))
    # Then those are written as JSON has them
    assert lines == [
        '"no":',
        "  - true",
        "  - null",
        '  - "null"',
        '  - "yes"',
        '  - "1"',
        '  - "a: b"',
        "  - x: 1",
        '    "y": []',
    ]
