"""Schemathesis sends what the description allows and what it forbids: nothing of it is a 500, or undescribed."""

import os
import re
import subprocess
import sys
from pathlib import Path

from services.api.app import create_app
from services.api.openapi import text
from shared.config import ROOT
from tests.api import ApiProcess, Customer

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)
#: Where bad data is answered otherwise than Schemathesis expects: 412 is how tus refuses another version.
CONFIGURED = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 412, 415, 422, 429]
"""


def test_no_input_is_a_500(api: ApiProcess, nour: Customer, tmp_path: Path) -> None:
    # Given
    said_before = len(api.log.read_text())
    description = tmp_path / "openapi.json"
    description.write_text(text(create_app()))
    (tmp_path / "schemathesis.toml").write_text(CONFIGURED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks"}
    # When
    options = {
        "--url": api.url,
        "--header": f"Authorization: Bearer {nour.token}",
        "--checks": ",".join(CHECKS),
        # Or nothing after it would be signed in; and the other's answer does not end.
        "--exclude-operation-id-regex": "^(sign_out|listen)$",
        "--max-examples": "12",
        "--seed": "1042",
        "--generation-database": "none",
    }
    words = [word for option in options.items() for word in option]
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(description), *words]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    # Then
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert int(re.findall(r"(\d+) generated", run.stdout)[0]) > 300
    assert '"status": 500' not in api.log.read_text()[said_before:]
