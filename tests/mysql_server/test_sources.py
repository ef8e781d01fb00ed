"""From apt's own configuration to the line for Debian's unstable suite."""

from pathlib import Path

import pytest

from tests.mysql_server.sources import NoSource, Source, read_sources, sid_line

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""\
# A comment: with a colon
Types: deb deb-src
# Another one
URIs: http://archive.test/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: {KEYRING}

Types: deb
URIs: http://archive.test/debian-security
Suites: bookworm-security
Components: main
Signed-By: {KEYRING}
"""
STRANGER = "deb [arch=amd64 signed-by=/etc/apt/keyrings/vendor.gpg] http://vendor.test/debian bookworm main\n"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of a Debian machine without sources."""
    for folder in ("etc/apt/sources.list.d", "usr/share/keyrings"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text('PRETTY_NAME="Debian"\nID=debian\nVERSION_CODENAME="bookworm"\n')
    (tmp_path / KEYRING.lstrip("/")).touch()
    return tmp_path


def add(machine: Path, name: str, text: str) -> None:
    (machine / "etc/apt" / name).write_text(text)


def test_stanzas(machine: Path) -> None:
    add(machine, "sources.list.d/debian.sources", DEB822)
    assert read_sources(machine) == [
        Source("http://archive.test/debian", "bookworm", ("main", "contrib"), KEYRING),
        Source("http://archive.test/debian", "bookworm-updates", ("main", "contrib"), KEYRING),
        Source("http://archive.test/debian-security", "bookworm-security", ("main",), KEYRING),
    ]


def test_lines(machine: Path) -> None:
    add(machine, "sources.list", f"# deb http://off.test/debian bookworm main\n\n{STRANGER}")
    add(
        machine,
        "sources.list.d/more.list",
        "deb-src http://a.test/debian sid main\ndeb cdrom:[x]/ y main # z\n",
    )
    add(machine, "sources.list.d/ignored.save", STRANGER)
    found = read_sources(machine)
    assert found[0] == Source(
        "http://vendor.test/debian", "bookworm", ("main",), "/etc/apt/keyrings/vendor.gpg"
    )
    assert "http://a.test/debian" not in [each.uri for each in found]
    assert len(found) == 2


def test_the_line_is_of_the_machines_own_archive(machine: Path) -> None:
    add(machine, "sources.list", STRANGER)
    add(machine, "sources.list.d/debian.sources", DEB822)
    line = sid_line("amd64", machine)
    assert (
        line == f"deb [arch=amd64 target=Packages signed-by={KEYRING}] http://archive.test/debian sid main\n"
    )


@pytest.mark.parametrize("suite", ["bookworm", "stable", "testing", "sid"])
def test_source_that_names_no_key(machine: Path, suite: str) -> None:
    add(machine, "sources.list", f"deb http://archive.test/debian/ {suite} contrib main\n")
    assert "http://archive.test/debian/ sid main" in sid_line("arm64", machine)


@pytest.mark.parametrize(
    "text",
    [
        "",
        STRANGER,
        "deb http://archive.test/debian bookworm contrib\n",
        "deb http://archive.test/debian bookworm-updates main\n",
        "deb http://vendor.test/packages bookworm main\n",
    ],
)
def test_machine_without_debians_archive(machine: Path, text: str) -> None:
    add(machine, "sources.list", text)
    with pytest.raises(NoSource, match="no source of Debian's own"):
        sid_line("amd64", machine)


def test_stanza_that_is_off(machine: Path) -> None:
    add(
        machine,
        "sources.list.d/debian.sources",
        DEB822.replace("Types: deb deb-src", "Types: deb\nEnabled: no"),
    )
    with pytest.raises(NoSource):
        sid_line("amd64", machine)


def test_machine_without_debians_key(machine: Path) -> None:
    add(machine, "sources.list.d/debian.sources", DEB822)
    (machine / KEYRING.lstrip("/")).unlink()
    with pytest.raises(NoSource, match="debian-archive-keyring"):
        sid_line("amd64", machine)


def test_machine_of_another_make(machine: Path) -> None:
    (machine / "etc/os-release").write_text("ID=fedora\n")
    with pytest.raises(NoSource, match="not Debian"):
        sid_line("amd64", machine)
