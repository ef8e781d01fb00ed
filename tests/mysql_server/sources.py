"""Where this machine gets Debian's packages from, and the line for the same archive's unstable suite (sid).

Reads what `sources.list(5)` describes, in both of its forms. No archive is known here.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

__all__ = ["NoSource", "Source", "read_sources", "sid_line"]

SUITE = "sid"
KEYRINGS = (
    Path("usr/share/keyrings/debian-archive-keyring.pgp"),
    Path("usr/share/keyrings/debian-archive-keyring.gpg"),
)
KEYRING_NAME = "debian-archive-keyring"
RELEASES = frozenset({"oldstable", "stable", "testing", "unstable", SUITE})
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<parts>.+)")


class NoSource(Exception):
    """This machine has no source of Debian's packages; the text says what is missing."""


@attrs.frozen
class Source:
    """One archive and one of its suites."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""

    @property
    def is_signed_by_debian(self) -> bool:
        """Whether the source itself names Debian's keyring."""
        return KEYRING_NAME in self.signed_by


def read_sources(root: Path = Path("/")) -> list[Source]:
    """Return the enabled binary sources that apt is configured with, in the order of the files."""
    folder = root / "etc/apt"
    parts = sorted((folder / "sources.list.d").glob("*"))
    found: list[Source] = []
    for path in [folder / "sources.list", *parts]:
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if path.suffix == ".sources":
            found += _stanzas(text)
        elif path.suffix == ".list":
            found += _lines(text)
    return found


def sid_line(architecture: str, root: Path = Path("/")) -> str:
    """Return the line for `sid` in this machine's own Debian archive. Raises NoSource when there is none."""
    release = _os_release(root)
    if release.get("ID") != "debian":
        raise NoSource("this system is not Debian")
    keyring = next((Path("/") / each for each in KEYRINGS if (root / each).is_file()), None)
    if keyring is None:
        raise NoSource("Debian's package debian-archive-keyring is not installed")
    suites = RELEASES | {release.get("VERSION_CODENAME", SUITE)}
    fit = [each for each in read_sources(root) if each.suite in suites and "main" in each.components]
    # Others publish suites of the same names, but not under Debian's key or in a folder called debian.
    known = [each for each in fit if each.is_signed_by_debian]
    known += [each for each in fit if not each.signed_by and each.uri.rstrip("/").endswith("/debian")]
    if not known:
        raise NoSource("apt has no source of Debian's own packages")
    return f"deb [arch={architecture} target=Packages signed-by={keyring}] {known[0].uri} {SUITE} main\n"


def _lines(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        found = _ONE_LINE.match(line.split("#")[0].strip())
        if found is not None:
            options = dict(each.split("=", 1) for each in (found["options"] or "").split() if "=" in each)
            yield Source(
                found["uri"], found["suite"], tuple(found["parts"].split()), options.get("signed-by", "")
            )


def _stanzas(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                yield Source(uri, suite, components, fields.get("signed-by", ""))


def _fields(stanza: str) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            if name:
                fields[name] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower() if colon else ""
        if name:
            fields[name] = value.strip()
    return fields


def _os_release(root: Path) -> Mapping[str, str]:
    path = root / "etc/os-release"
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    pairs = [line.partition("=") for line in lines]
    return {name.strip(): value.strip().strip("\"'") for name, sign, value in pairs if sign}
