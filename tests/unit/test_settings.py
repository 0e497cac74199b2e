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
        ("smtp_url", "smtp://127.0.0.2:1025"),
        ("smtp_url", "smtp://[::1]:25"),
        ("smtp_url", "smtp://0.0.0.0:25"),
        ("smtp_url", "smtp://mail.localhost:25"),
        ("smtp_url", "smtp:"),
        ("stripe_api_base", "http://sandbox.internal.:9000"),
        ("stripe_api_base", "http://[nonsense"),
        ("public_url", "http://api:8000"),
        ("public_url", "http://shop.example"),
        ("twilio_account_sid", ""),
    ],
)
def test_production_refuses_what_is_empty_short_or_at_home(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name.upper()):
        Settings.model_validate({**REAL, name: value})


def test_all_that_is_refused_is_named_at_once() -> None:
    with pytest.raises(ValidationError, match="PUSHER_APP_SECRET, SMTP_URL"):
        Settings.model_validate({**REAL, "smtp_url": "smtp://localhost", "pusher_app_secret": ""})


def test_no_secret_is_told_where_others_are_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"taboor_env": "production", "secret_key": "walnut-desk-walnut-desk"})
    assert "walnut" not in str(refused.value)


@pytest.mark.parametrize("name", [name for name in REAL if name != "taboor_env"])
def test_production_refuses_every_default_of_the_demo(name: str) -> None:
    with pytest.raises(ValidationError, match=name.upper()):
        Settings.model_validate({key: value for key, value in REAL.items() if key != name})
