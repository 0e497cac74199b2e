"""What a laptop needs no setting for, production refuses."""

import pytest
from pydantic import ValidationError

from shared.config import Settings
from tests.production import PRODUCTION

REAL = {name.lower(): value for name, value in PRODUCTION.items()}


def test_a_laptop_needs_no_setting() -> None:
    assert Settings.model_validate({}).in_demo


def test_production_starts_with_settings_of_its_own() -> None:
    assert not Settings.model_validate(REAL).in_demo


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "") for name in REAL if name.endswith(("_key", "_secret", "_token"))),
        *((name, "short") for name in REAL if name.endswith(("_key", "_secret", "_token"))),
        *((name, "http://localhost:9000") for name in REAL if name.endswith(("_base", "_url"))),
        ("stripe_api_base", "http://sandbox:9000"),
        ("smtp_url", "smtp://127.0.0.1:1025"),
    ],
)
def test_production_refuses_what_is_empty_short_or_at_home(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name.upper()):
        Settings.model_validate({**REAL, name: value})


@pytest.mark.parametrize("name", [name for name in REAL if name != "taboor_env"])
def test_production_refuses_every_default_of_the_demo(name: str) -> None:
    with pytest.raises(ValidationError, match=name.upper()):
        Settings.model_validate({key: value for key, value in REAL.items() if key != name})
