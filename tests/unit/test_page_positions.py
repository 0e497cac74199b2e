"""The page's memory of what it has heard (services/web/src/positions.ts), asked in Node."""

from tests import scripts


def test_the_page_hears_nothing_twice() -> None:
    results = {line["name"]: line["error"] for line in scripts.run("positions.mjs")}
    assert len(results) == 3
    assert not any(results.values()), results
