"""`POST /orders` over HTTP, signed in, beside the same SQL by psycopg alone."""

import json
import subprocess
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any

import httpx

from benchmarks.figures import Figure, alternate, percentile, ratio
from benchmarks.ground import Crew, Ground, cpu_seconds, free_port, wait_until
from shared.config import ROOT, settings
from shared.db.seed import PASSWORD, seed

CONNECTIONS = 8
SECONDS = 4
ROUNDS = 3


def run(ground: Ground) -> Iterator[Figure]:
    with ground.living(api_port=free_port()), Crew(ground) as crew:
        seed(settings().database_url)
        api = crew.start("API", ["services.api"])
        wait_until(crew, _answers)
        shop = _sign_in()
        by_http(api, shop, seconds=1)  # the first requests prepare statements
        results = alternate(ROUNDS, {"http": lambda: by_http(api, shop), "psycopg": lambda: by_psycopg(shop)})
    http, alone = results["http"], results["psycopg"]
    took = [seconds for run in http for seconds in run["took"]]
    rates = {"http": [run["rate"] for run in http], "psycopg": [run["rate"] for run in alone]}
    yield Figure("psycopg alone, 8 threads", median(rates["psycopg"]), "orders/s", note=_cpu(alone))
    yield Figure("POST /orders, 8 connections", median(rates["http"]), "orders/s")
    yield Figure("POST /orders / psycopg alone", ratio(rates["http"], rates["psycopg"]), "x", aim=0.45)
    yield Figure("API CPU a request", median(run["cpu"] for run in http), "ms", aim=2.5, wanted="at most")
    yield Figure("p50", percentile(took, 0.5) * 1000, "ms")
    yield Figure("p99", percentile(took, 0.99) * 1000, "ms")


def by_http(api: int, shop: dict[str, Any], seconds: float = SECONDS) -> dict[str, Any]:
    before = cpu_seconds(api)
    words = [str(settings().api_port), str(CONNECTIONS), str(seconds), shop["token"]]
    took = _run("benchmarks.client", words, json.dumps(shop["body"]))
    return {"rate": len(took) / seconds, "cpu": (cpu_seconds(api) - before) / len(took) * 1000, "took": took}


def by_psycopg(shop: dict[str, Any]) -> dict[str, Any]:
    done = _run("benchmarks.plain", [str(CONNECTIONS), str(SECONDS)], json.dumps(shop["plain"]))
    return {"rate": done["placed"] / SECONDS, "cpu": done["cpu"] / done["placed"] * 1000}


def _sign_in() -> dict[str, Any]:
    """Sign in, place one order, and return what both sides need to place the same again."""
    with httpx.Client(base_url=f"http://127.0.0.1:{settings().api_port}", trust_env=False) as http:
        signed_in = http.post("/sessions", json={"email": "layla@example.com", "password": PASSWORD}).json()
        lines = [{"product_id": p["id"], "quantity": 1} for p in http.get("/products").json()["items"][:2]]
        body = {"items": lines, "payment_method": "pm_card_visa"}
        token = signed_in["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "the-first"}
        answer = http.post("/orders", json=body, headers=headers)
    ordered = answer.raise_for_status().json()["items"]
    plain = {
        "user": signed_in["user"]["id"],
        "session": _claims(token)["sid"],
        "lines": lines,
        "written": json.dumps([_written(line) for line in ordered]),
        "payload": answer.text,  # as long as the fact's own, about
        "answer": answer.text,
    }
    return {"token": token, "body": body, "plain": plain}


def _written(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line as `placing.WRITE` takes it."""
    columns = {name: line[name] for name in ("product_id", "quantity", "unit_price", "slug")}
    return {**columns, "name_en": line["names"]["en"], "name_ar": line["names"]["ar"]}


def _claims(token: str) -> dict[str, Any]:
    import jwt  # noqa: PLC0415 - only to look inside our own token

    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _run(module: str, words: list[str], given: str) -> Any:
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def _answers() -> bool:
    try:
        ready = httpx.get(f"http://127.0.0.1:{settings().api_port}/livez", trust_env=False, timeout=1)
    except httpx.TransportError:
        return False
    return ready.is_success


def _cpu(runs: list[dict[str, Any]]) -> str:
    return f"{median(run['cpu'] for run in runs):.2f} ms CPU an order, client side"
