"""One line of JSON for each thing worth saying, on stdout, with what it belongs to: request, order, job, attempt.

`log = structlog.get_logger()` and the standard library's loggers come out alike. Fields bound with
`structlog.contextvars.bound_contextvars(job=…, attempt=…)` are on every line inside the block.
"""

import json
import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

#: These tell of every connection and every request at INFO.
TALKATIVE = ("psycopg.pool", "httpx", "httpcore", "stripe", "twilio.http_client", "multipart")

#: Made once: `json.dumps` makes one for every line. What JSON does not know is told as it is written.
JSON = json.JSONEncoder(ensure_ascii=False, default=repr)


def configure(process: str) -> None:
    """Set up the logs of this process, once, at its start."""
    stamps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _says(process),
    ]
    ends: list[Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(_json),
    ]
    structlog.configure(
        processors=[*stamps, *ends],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    _standard_library(stamps, ends)


def _json(line: EventDict, **_: Any) -> str:
    return JSON.encode(line)


def _standard_library(stamps: list[Processor], ends: list[Processor]) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*stamps, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ends],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _says(process: str) -> Processor:
    def stamp(_logger: Any, _method: str, line: EventDict) -> EventDict:
        line["process"] = process
        return line

    return stamp
