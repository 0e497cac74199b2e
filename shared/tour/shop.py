"""The shop and the sandbox as the tour reaches them: over HTTP only, so that any running system will do."""

import json
from typing import Any

import httpx

CUSTOMER = "omar@example.com"
OPERATOR = "nour@example.com"
PASSWORD = "taboor"  # noqa: S105 - the demo's, in every document


class Disappointed(Exception):
    """Something did not come as it should; the message is one sentence for a person."""


class Shop:
    """One customer's and one operator's way to a system at `api`, whose outside world is at `sandbox`."""

    def __init__(self, api: str, sandbox: str) -> None:
        self._api = httpx.Client(base_url=api, timeout=10, trust_env=False)
        self._sandbox = httpx.Client(base_url=sandbox, timeout=10, trust_env=False)
        self.user_id, self.customer = "", CUSTOMER
        self._customer: dict[str, str] = {}
        self._operator: dict[str, str] = {}

    def open(self) -> None:
        """Sign in; say what to start if nobody answers."""
        for client, path in ((self._api, "/livez"), (self._sandbox, "/livez")):
            try:
                _good(client.get(path))
            except httpx.TransportError as error:
                start = "start the system first, with `make demo` or `docker compose up`"
                raise Disappointed(f"Nobody answers at {client.base_url}: {start}.") from error
        self.user_id, self._customer = self._sign_in(CUSTOMER)
        _, self._operator = self._sign_in(OPERATOR)

    def product(self) -> Any:
        """Return the product of which there is most."""
        products: list[Any] = _good(self._api.get("/products"))["items"]
        most = max(products, key=lambda product: product["available"], default=None)
        if most is None or not most["available"]:
            raise Disappointed("Everything is sold out: `make clean` gives the demo a new stock.")
        return most

    def place(self, product_id: str, card: str, key: str) -> tuple[Any, bool]:
        """Return the order, and whether the answer was that of an earlier request with this key."""
        order = {"items": [{"product_id": product_id, "quantity": 1}], "payment_method": card}
        answer = self._api.post("/orders", json=order, headers={**self._customer, "Idempotency-Key": key})
        return _good(answer), answer.headers.get("Idempotent-Replayed") == "true"

    def timeline(self, order_id: str) -> Any:
        """Return it as an operator sees it, with the names of the units."""
        return _good(self._api.get(f"/orders/{order_id}/timeline", headers=self._operator))

    def cancel(self, order_id: str) -> Any:
        return _good(self._api.post(f"/orders/{order_id}/cancellation", headers=self._customer))

    def upload(self, filename: str, content: bytes) -> Any:
        """Return the new video; it is sent as `curl -T` sends it."""
        return _good(self._api.put(f"/videos/{filename}", content=content, headers=self._customer))

    def video(self, video_id: str) -> Any:
        return _good(self._api.get(f"/videos/{video_id}", headers=self._customer))

    def playback(self, video_id: str) -> Any:
        return _good(self._api.post(f"/videos/{video_id}/playback", headers=self._customer))

    def fetch(self, address: str, kind: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Return a file as a player gets it, which has no access token."""
        answer = self._api.get(address, headers=headers)
        if answer.is_error or answer.headers["content-type"] != kind:
            _good(answer)
            raise Disappointed(f"{address} is no {kind}, but {answer.headers['content-type']}.")
        return answer

    def jobs(self, about: str) -> list[Any]:
        """Return the jobs of an order or a video, as an operator sees them."""
        jobs: list[Any] = _good(self._api.get("/jobs", params={"aggregate": about}, headers=self._operator))["items"]
        return jobs

    def books(self) -> Any:
        return _good(self._api.get("/books", headers=self._operator))

    def charges(self, order_id: str) -> list[Any]:
        """Return what the card gateway knows of this order."""
        intents: list[Any] = _good(self._sandbox.get("/gateway/summary"))
        return [intent for intent in intents if (intent["metadata"] or {}).get("order_id") == order_id]

    def letters(self, channel: str, recipient: str) -> list[Any]:
        """Return what has arrived there, the newest first."""
        letters: list[Any] = _good(self._sandbox.get("/mailbox", params={"channel": channel, "to": recipient}))
        return letters

    def switched_on(self) -> list[str]:
        """Return what somebody has broken on purpose."""
        switches: dict[str, Any] = _good(self._sandbox.get("/switches"))
        return [name for name, value in switches.items() if value]

    def live_address(self) -> str:
        """Return where the realtime service is, as the page is told."""
        said = _good(self._api.get("/config.json"))["pusher"]
        host = said["host"] or self._api.base_url.host
        return (
            f"{said['scheme'].replace('http', 'ws')}://{host}:{said['port']}/app/{said['key']}?protocol=7&client=tour"
        )

    def authorise(self, socket_id: str, channel: str, after: int | None) -> dict[str, str]:
        """Return the signature with which the customer's socket may listen to a private channel, from a position on."""
        wanted = {"socket_id": socket_id, "channel_name": channel, "last_event_ids": json.dumps({channel: after})}
        signed: dict[str, str] = _good(self._api.post("/broadcasting/auth", data=wanted, headers=self._customer))
        return signed

    def _sign_in(self, email: str) -> tuple[str, dict[str, str]]:
        answer = _good(self._api.post("/sessions", json={"email": email, "password": PASSWORD}))
        return answer["user"]["id"], {"Authorization": f"Bearer {answer['access_token']}"}


def _good(answer: httpx.Response) -> Any:
    """Return what was answered; a refusal ends the tour with what it says, trouble of a server is tried again."""
    if answer.is_server_error:
        raise httpx.ReadError(f"{answer.status_code} from {answer.url}", request=answer.request)
    if answer.is_success:
        return answer.json()
    is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    detail = answer.json()["detail"] if is_problem else answer.reason_phrase
    raise Disappointed(f"{answer.request.method} {answer.url} was refused: {answer.status_code}, {detail}")
