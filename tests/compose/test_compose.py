"""What can be said of compose.yaml without an engine: that it keeps the house's rules and runs what the demo runs."""

import configparser
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # the types would be one more dependency, for one file
from fastapi.routing import APIRoute

from services.api.routes import demo, demo_books, demo_load, demo_sandbox
from services.worker.unit import STOP_WITHIN
from shared.config import ROOT, SECRETS, Settings
from shared.engines.ports import PORTS, demo_environment
from tests.production import PRODUCTION

BASES = {"node:24-slim", "python:3.13-slim", "postgres:17", "redis:8", "nginx:1.26"}
OURS = "taboor"
ENGINES = {"postgres", "redis", "door"}  # others' programs
ONE_SHOT = "migrate"
REGISTRY_HOST = re.compile(r"[\w-]+\.[\w.-]+/")  # `quay.io/` in an image's name

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OPERATING = (ROOT / "docs" / "operating.md").read_text()
#: The second file, as docs/operating.md shows it.
OVERLAY: dict[str, Any] = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", OPERATING, re.DOTALL)[0])

each_service = pytest.mark.parametrize("name", sorted(SERVICES))
each_of_ours = pytest.mark.parametrize("name", sorted(SERVICES.keys() - ENGINES - {"sandbox"}))
each_program = pytest.mark.parametrize("name", sorted(SERVICES.keys() - ENGINES - {ONE_SHOT}))


def interpolated(text: str) -> str:
    """What compose makes of `${NAME:-default}` in a shell that has no NAME."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_the_services_are_those_of_the_design() -> None:
    assert set(SERVICES) == {
        *("postgres", "redis", "migrate", "sandbox", "api", "realtime", "door"),
        *("relay", "worker", "worker-media", "worker-heavy"),
    }


@each_program
def test_every_program_is_asked_for_its_health_with_patience_for_a_slow_laptop(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"].startswith("python ")
    assert int(check["timeout"].removesuffix("s")) >= 10


@each_service
def test_every_service_has_a_health_check_or_is_waited_for_until_it_ends(name: str) -> None:
    if name == ONE_SHOT:
        waiting = [other["depends_on"].get(name) for other in SERVICES.values() if "depends_on" in other]
        # Without anybody who waits for its end `up --wait` takes an exit, even with 0, for a failure.
        assert {"condition": "service_completed_successfully"} in waiting
    else:
        assert SERVICES[name]["healthcheck"].get("test")


@each_service
def test_every_service_comes_back_but_the_one_that_is_meant_to_end(name: str) -> None:
    assert SERVICES[name]["restart"] == ("no" if name == ONE_SHOT else "unless-stopped")


@each_service
def test_what_is_published_is_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert isinstance(port, str)
        assert port.startswith("127.0.0.1:"), f"{name} would listen to the whole network: {port}"


def test_the_published_ports_are_the_documents_and_can_be_moved_as_in_make_demo() -> None:
    published = {port for service in SERVICES.values() for port in service.get("ports", [])}
    assert published == {
        f"127.0.0.1:${{API_PORT:-{PORTS['API_PORT']}}}:8000",
        f"127.0.0.1:${{SANDBOX_PORT:-{PORTS['SANDBOX_PORT']}}}:9000",
        f"127.0.0.1:${{REALTIME_PORT:-{PORTS['REALTIME_PORT']}}}:6001",
    }


@each_service
def test_only_known_images_are_named(name: str) -> None:
    assert SERVICES[name]["image"] in BASES | {OURS}


def test_the_image_is_made_of_a_known_base_and_no_registry_host_is_named() -> None:
    bases = re.findall(r"^FROM\s+(\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    assert set(bases) <= BASES
    for image in [*bases, *(service["image"] for service in SERVICES.values())]:
        assert not REGISTRY_HOST.match(image)
    assert not re.search(r"index-url|trusted-host|https?://", DOCKERFILE)


def test_our_image_is_built_by_one_service_and_pulled_by_none() -> None:
    ours = {name: service for name, service in SERVICES.items() if service["image"] == OURS}
    assert [name for name, service in ours.items() if "build" in service] == [ONE_SHOT]
    assert {service["pull_policy"] for service in ours.values()} == {"never"}
    for name, service in ours.items():
        assert name == ONE_SHOT or ONE_SHOT in service["depends_on"], f"{name} may start before its image is built"


def test_dependencies_are_installed_with_their_hashes_before_the_source_is_copied_and_root_runs_nothing() -> None:
    installed = DOCKERFILE.index("pip install")
    assert "--require-hashes" in DOCKERFILE
    assert "-r requirements/app.txt" in DOCKERFILE
    assert installed < DOCKERFILE.index("shared shared")
    assert installed < DOCKERFILE.index("services services")
    assert re.findall(r"^USER\s+(\S+)", DOCKERFILE, re.MULTILINE)[-1] == "taboor"


def test_the_build_sees_nothing_that_was_not_named() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {"!requirements/app.txt", "!services", "!shared"}


def test_containers_run_the_programs_that_supervisord_runs_each_as_often() -> None:
    assert Counter(_programs_of_compose()) == Counter(_programs_of_supervisord())


def test_each_replica_of_a_worker_has_a_name_of_its_own_by_its_host() -> None:
    assert "hostname" not in SERVICES["worker"]
    assert "container_name" not in SERVICES["worker"]


@pytest.mark.parametrize("name", ["worker", "worker-media", "worker-heavy"])
def test_a_worker_that_stops_has_the_time_it_gives_its_jobs(name: str) -> None:
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= STOP_WITHIN + 5


@each_program
def test_every_setting_is_one_that_the_code_reads(name: str) -> None:
    theirs = {"PGPASSWORD", "NO_PROXY", "no_proxy"}  # read by libpq and by HTTP clients
    ours = {word.upper() for word in Settings.model_fields}
    assert SERVICES[name]["environment"].keys() <= ours | theirs


def test_both_ends_of_a_webhook_are_told_one_address() -> None:
    told = {SERVICES[name]["environment"]["PUBLIC_URL"] for name in ("api", "worker", "sandbox")}
    assert told == {"http://api:8000"}


def test_the_containers_are_as_hasty_a_demo_as_make_demo() -> None:
    demo = demo_environment({}, PORTS)
    environment = SERVICES["worker"]["environment"]
    for name in ("RESERVATION_SECONDS", "VIDEO_BACKOFF_SECONDS", "TABOOR_ENV"):
        assert interpolated(environment[name]) == demo[name]


def test_the_laptops_settings_of_the_containers_are_good_settings() -> None:
    environment = SERVICES["api"]["environment"]
    given = {name.lower(): interpolated(str(value)) for name, value in environment.items() if value is not None}
    lists = {name: json.loads(value) for name, value in given.items() if value.startswith("[")}
    settings = Settings.model_validate(given | lists)  # null: only if the shell has it
    assert settings.in_demo
    assert settings.reservation_seconds == 120


@each_of_ours
def test_production_has_every_service_of_ours_with_secrets_of_its_own_and_without_the_demos_haste(name: str) -> None:
    # Given what the second file, laid over the first, gives a service, in a shell that has the values that it asks for
    real = OVERLAY["services"].get(name, {}).get("environment", {})
    asked = {word: re.fullmatch(r"\$\{(\w+):\?\}", str(value)) for word, value in real.items()}
    shell = {**PRODUCTION, "FORWARDED_ALLOW_IPS": "172.16.0.0/12", "METRICS_TOKEN": "a-token-of-the-monitoring"}
    given = {word: shell.get(found[1], "of its own") if found else real[word] for word, found in asked.items()}
    first = {word: interpolated(str(value)) for word, value in SERVICES[name]["environment"].items() if value}
    both = {word.lower(): value for word, value in {**first, **given}.items()}
    # Then it starts: no secret and no address is the demo's
    lists = {word: json.loads(value) for word, value in both.items() if value.startswith("[")}
    settings = Settings.model_validate({**both, **lists})
    assert not settings.in_demo
    assert real.keys() - {word.upper() for word in Settings.model_fields} == {"PGPASSWORD"}  # PostgreSQL's own
    # And every secret comes from the shell
    assert all(asked[secret.upper()] for secret in (*SECRETS, "pgpassword"))
    # And it waits as long as production does
    for hasty in ("reservation_seconds", "video_backoff_seconds"):
        assert getattr(settings, hasty) == Settings.model_fields[hasty].default


def test_production_runs_no_sandbox_and_knows_no_service_that_is_not_there() -> None:
    assert OVERLAY["services"].keys() <= SERVICES.keys()
    assert OVERLAY["services"]["sandbox"] == {"profiles": ["demo"]}
    assert not [name for name, service in SERVICES.items() if "sandbox" in service.get("depends_on", {})]


@each_service
def test_operating_has_every_service_in_its_table(name: str) -> None:
    table = OPERATING.partition("| service | what it is |")[2].partition("\n\n")[0]
    assert f"`{name}`" in table


def test_operating_has_the_demos_routes_and_the_names_of_all_that_can_be_crashed() -> None:
    table = OPERATING.partition("## The demo's own routes")[2].partition("\n## ")[0]
    parts = [demo, demo_books, demo_load, demo_sandbox]
    paths = {route.path for part in parts for route in part.router.routes if isinstance(route, APIRoute)}
    assert len(paths) > 6
    for path in paths:
        assert f"/demo{path.removeprefix('/demo')}`" in table, path
    named = re.findall(r"`([a-z-]+(?:-\d)?)`[,;]", table)
    assert sorted(named) == sorted(_names_of_supervisord())


def test_operating_counts_right_who_waits_for_the_tables() -> None:
    waiting = [name for name, service in SERVICES.items() if ONE_SHOT in service.get("depends_on", {})]
    numbers = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    assert f"Here {numbers[len(waiting)]} services do" in OPERATING


def test_what_must_survive_has_a_volume() -> None:
    volumes = {volume for service in SERVICES.values() for volume in service.get("volumes", [])}
    kept = {volume for volume in volumes if not volume.endswith(":ro")}
    assert kept == {"postgres:/var/lib/postgresql/data", "redis:/data", "sandbox:/taboor/var", "files:/taboor/var"}
    assert "--appendonly yes" in SERVICES["redis"]["command"]
    assert "noeviction" in SERVICES["redis"]["command"]


def _programs_of_compose() -> Iterator[str]:
    for name in SERVICES.keys() - ENGINES - {ONE_SHOT}:
        service = SERVICES[name]
        yield from [_without_unit(service["command"])] * service.get("deploy", {}).get("replicas", 1)


def _programs_of_supervisord() -> Iterator[str]:
    conf = configparser.RawConfigParser(inline_comment_prefixes=None)
    conf.read(ROOT / "supervisord.conf")
    for section in conf.sections():
        name = section.removeprefix("program:")
        if name != section and name not in ENGINES:
            yield from [_without_unit(conf[section]["command"])] * conf.getint(section, "numprocs", fallback=1)


def _names_of_supervisord() -> Iterator[str]:
    conf = configparser.RawConfigParser(inline_comment_prefixes=None)
    conf.read(ROOT / "supervisord.conf")
    for section in conf.sections():
        name, many = section.removeprefix("program:"), conf.getint(section, "numprocs", fallback=1)
        if name != section:
            yield from [name] if many == 1 else [f"{name}-{number}" for number in range(1, many + 1)]


def _without_unit(command: str) -> str:
    """A unit's name tells it from its like: here by a number, in a container by the host as well."""
    return re.sub(r" --unit \S+", "", command)
