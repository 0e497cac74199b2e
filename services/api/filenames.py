"""A customer's name for a file, made fit to be shown. It is never part of a path."""

import unicodedata

MOST = 200  # characters
NAMELESS = "video"
#: Characters that would turn the text around them about: a name that ends in `4pm.exe` must not look like `exe.mp4`.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: Control characters, halves of surrogate pairs, separators of lines and paragraphs.
UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})


def shown(name: str) -> str:
    """Return the last part of a path, without what cannot be seen; Arabic and all other scripts stay as they are."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    seen = "".join(one for one in last if one not in TURNING and unicodedata.category(one) not in UNSEEN)
    return _shortened(unicodedata.normalize("NFC", seen).strip()) or NAMELESS


def _shortened(name: str) -> str:
    """Cut a long name before its ending."""
    if len(name) <= MOST:
        return name
    ending = name[-10:].rpartition(".")[2]
    return f"{name[: MOST - len(ending) - 2]}….{ending}"[:MOST]
