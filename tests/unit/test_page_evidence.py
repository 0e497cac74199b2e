"""What the page takes for seen after something was broken (services/web/src/evidence.ts), asked in Node."""

from tests import scripts


def test_the_page_ticks_only_what_an_orders_timeline_proves() -> None:
    results = {line["name"]: line["error"] for line in scripts.run("evidence.mjs")}
    assert len(results) == 6
    assert not any(results.values()), results
