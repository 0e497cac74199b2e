"""What the documents name exists, and the Arabic README says the same as the English one."""

import re
import subprocess
from pathlib import Path

import pytest

from shared.config import ROOT

READMES = ("README.md", "README.ar.md")
DOCUMENTS = sorted([*(ROOT / name for name in (*READMES, "ARCHITECTURE.md")), *(ROOT / "docs").rglob("*.md")])


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(document: str) -> list[str]:
    """Return the shell blocks, without the indent that a list gives them."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```$", document, re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in blocks]


def headings(document: str) -> list[str]:
    """Return the levels of its headings; a shell's comment is none."""
    return re.findall(r"^(#+) ", re.sub(r"```.*?```", "", document, flags=re.DOTALL), re.MULTILINE)


def links(document: str) -> list[str]:
    return sorted(re.findall(r"\]\(([^)]+)\)", document))


def read(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_make_target_and_module_that_is_named_exists(path: Path) -> None:
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):.*##", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    for module in re.findall(r"python -m ([a-z_.]+[a-z])", text):
        place = ROOT / module.replace(".", "/")
        assert (place / "__main__.py").is_file() or place.with_suffix(".py").is_file(), module


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_path_that_is_named_exists(path: Path) -> None:
    text = path.read_text()
    # Links, seen from the document; and names in code that begin with one of our folders, seen from the root
    local = [link.partition("#")[0] for link in links(text) if "://" not in link]
    names = re.findall(r"`((?:services|shared|tests|docs|benchmarks|requirements)/[\w./-]*)`", text)
    missing = [link for link in local if not (path.parent / link).exists()]
    missing += [name for name in names if not (ROOT / name).exists()]
    assert not missing


@pytest.mark.parametrize("name", READMES)
def test_the_commands_are_good_shell(name: str) -> None:
    for block in commands(read(name)):
        checked = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{checked.stderr}\n{block}"


def test_the_arabic_readme_has_the_same_headings_commands_and_places() -> None:
    english, arabic = (read(name) for name in READMES)
    assert commands(english)
    assert commands(arabic) == commands(english)
    assert headings(arabic) == headings(english)
    assert links(arabic) == links(english)


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 140


def test_operating_names_the_settings_that_exist() -> None:
    # Given the table of environment variables
    table = read("docs/operating.md").partition("## Environment")[2].partition("\n## ")[0]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    # Then each is a setting, and no setting that is in use is missing
    known = set(re.findall(r"^    (\w+): ", read("shared/config.py"), re.MULTILINE))
    assert {name.lower() for name in named} == known - {"sandbox_database"}
