"""`python -m shared.tour`: play the golden journey against a running system, in the terminal."""

import argparse
import sys
import time
from collections.abc import Sequence

import httpx

from shared.config import settings
from shared.tour.live import Live
from shared.tour.screen import Screen
from shared.tour.seen import Seen
from shared.tour.shop import Disappointed, Shop
from shared.tour.walks import Step, Walk, walks

BETWEEN_LOOKS = 0.05


def main(words: Sequence[str] | None = None) -> None:
    here = settings()
    parser = argparse.ArgumentParser(prog="python -m shared.tour", description=__doc__)
    parser.add_argument("--api", default=f"http://localhost:{here.api_port}", help="where the shop is (%(default)s)")
    parser.add_argument("--sandbox", default=f"http://localhost:{here.sandbox_port}", help="(%(default)s)")
    chosen = parser.parse_args(words)
    shop, screen = Shop(chosen.api, chosen.sandbox), Screen()
    began = time.monotonic()
    screen.say(f"Taboor's tour of {chosen.api}")
    try:
        shop.open()
        live = Live(shop.live_address(), f"private-user.{shop.user_id}", shop.authorise)
        live.open()
        for number, walk in enumerate(walks(shop, live, shop.product()), 1):
            with screen.walk(number, walk) as page:
                for step in walk.steps:
                    page.add(step, _wait_for(step, walk))
    except (Disappointed, httpx.TransportError) as error:
        screen.say(f"{error}{_broken_on_purpose(shop)}", "bold red")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    screen.say(f"Everything arrived, in {time.monotonic() - began:.0f} s. Mail and SMS: {chosen.sandbox}/mailbox.html")


def _wait_for(step: Step, walk: Walk) -> Seen:
    """Look until it is there. A server that is away for a moment is waited for, like everything else."""
    deadline = time.monotonic() + step.within
    while True:
        try:
            if seen := step.look():
                return seen
            found = walk.about.stands() if walk.about else "nothing was seen"
        except httpx.TransportError as error:
            found = f"the last answer was {error}"
        if time.monotonic() > deadline:
            raise Disappointed(f"{walk.title}: no “{step.name}” within {step.within:.0f} s; {found}.")
        time.sleep(BETWEEN_LOOKS)


def _broken_on_purpose(shop: Shop) -> str:
    """Name the sandbox's switches that are on: they may be why."""
    try:
        names = ", ".join(shop.switched_on())
    except (Disappointed, httpx.TransportError):
        return ""
    return f" (Switched on in the sandbox: {names}.)" if names else ""


main()
