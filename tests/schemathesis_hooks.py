"""What Schemathesis has to be told: a chunk of an upload is bytes like any others."""

import schemathesis

from services.api.uploads_headers import CHUNK

schemathesis.serializer.alias(CHUNK, "application/octet-stream")
