"""How the page tells an order's history (services/web/src/timeline.ts), asked in Node."""

from tests import scripts


def test_the_page_puts_each_job_under_the_fact_it_follows_from() -> None:
    results = {line["name"]: line["error"] for line in scripts.run("timeline.mjs")}
    assert len(results) == 5
    assert not any(results.values()), results
