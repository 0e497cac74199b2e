"""The words of every message, in the customer's language: Jinja2 templates, compiled once."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from shared.money import Money

#: Shops in Egypt write Western digits and the short name of the currency; other currencies keep their code.
CURRENCIES_IN_ARABIC = {"EGP": "ج.م"}

# Control characters break headers and lines; the others turn the reading direction of all that follows.
_UNWANTED = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def one_line(text: str) -> str:
    """Return what a customer or a seller typed as one line, harmless in a header and in a sentence."""
    return _UNWANTED.sub(" ", text).strip()


def money(amount: int, currency: str, locale: str) -> str:
    """Write an amount as the shop's customers read it: `1,250.00 EGP`, `1,250.00 ج.م`."""
    written = str(Money(amount, currency))
    short = CURRENCIES_IN_ARABIC.get(currency) if locale == "ar" else None
    return written.replace(currency, short) if short else written


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=select_autoescape(["html"]),  # a text is escaped when the HTML takes it in, not before
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"one_line": one_line, "money": money}
    return made


_templates = _environment()


@dataclass(frozen=True)
class Wording:
    """One message in words; each form is written when it is asked for.

    kind: one of NOTIFICATIONS.
    layout: the letter around the sentences.
    order: an order with its lines and its customer's name and locale, as `sql.FIND` returns it.
    """

    kind: str
    order: Any
    layout: ClassVar[str] = "mail"

    @property
    def subject(self) -> str:
        return one_line(str(self._sentences.subject))

    @property
    def message(self) -> str:
        """What is said, without greeting and list: the inbox shows it."""
        return str(self._sentences.message).strip()

    @property
    def sms(self) -> str:
        return one_line(str(self._sentences.sms))

    def text(self) -> str:
        return self._letter("txt")

    def html(self) -> str:
        return self._letter("html")

    @cached_property
    def _sentences(self) -> Any:
        return _templates.get_template(f"{self.order.locale}/{self.kind}.txt").make_module(self._given)

    @cached_property
    def _given(self) -> dict[str, Any]:
        return {"order": self.order, "locale": self.order.locale, "name": self.order.name}

    def _letter(self, form: str) -> str:
        # The labels are the same for everyone, so Jinja keeps them; the sentences belong to this order.
        labels = _templates.get_template(f"{self.order.locale}/labels.txt").module
        words = {"labels": labels, "subject": self.subject, "message": self.message}
        return _templates.get_template(f"{self.layout}.{form}").render(self._given | words)
