"""What the documents name is there: links, commands, pin reasons, errors, log lines, the unit's paths."""

import ast
import configparser
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from proxy import errors
from proxy.cli import main
from proxy.config import Config, TenantConfig, endpoints, load, loads
from proxy.config.model import sections
from proxy.config.target_section import TOPOLOGIES
from proxy.errors import ClientError
from proxy.listeners import LISTEN_BACKLOG
from proxy.mysql.frontend.tenant_views import TENANT_COLUMNS
from proxy.mysql.session.pins import PinReason
from proxy.mysql.wire.commands import REFUSED
from proxy.targets.health import HealthReason, HealthState
from proxy.tenants.rules import Tenants

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
UNIT = ROOT / "etc" / "rds-proxy.service"

# What the parts of an error's text stand for in the documents.
SAMPLES: dict[str, dict[str, Any]] = {
    "access_denied": {"username": "app", "using_password": True},
    "too_many_clients": {"limit": Config().proxy.max_client_connections},
    "too_many_from_address": {"address": "192.0.2.1", "limit": 100},
    "too_many_of_user": {"username": "app"},
    "rate_limit_exceeded": {"limit": Config().proxy.client_connection_rate_limit},
    "too_many_statements": {"limit": Config().proxy.max_prepared_statements_per_client},
    "proxy_header_refused": {
        "problem": "PROXY header from an address that is not in proxy_protocol_networks"
    },
    "compression_refused": {"why": "Invalid compression algorithm 'uncompressed'."},
    "connection_lost": {"lost": "the database connection was lost"},
    "rolled_back": {"what": "the database connection was lost, the transaction is rolled back"},
    "diagnostics_gone": {"what": "ROW_COUNT()"},
    "variables_gone": {"names": frozenset({"total"})},
    "malformed": {"problem": "unknown option"},
    "refused_command": {"why": "Replication is not supported through RDS Proxy"},
    "unknown_statement": {"number": 3, "function": "mysqld_stmt_execute"},
    "unknown_thread": {"number": 1073741830},
    "not_owner": {"number": 1073741830},
    "wrong_proxy_statement": {
        "problem": "after SHOW PROXY comes PINS, PIN TOTALS, CLIENTS, POOL, TARGETS, TENANTS, SECRETS or HELP"
    },
    "switchover_failed": {"target": "db2:3306", "outcome": "WENT_BACK", "why": "it is late"},
    "too_many_of_tenant": {"tenant": "reports", "limit": 50},
    "tenant_queue_full": {"tenant": "customer/acme", "limit": 200, "used": 10, "most": 10},
    "tenant_timeout": {"tenant": "customer/acme", "seconds": 10},
    "schema_denied": {"username": "app", "schema": "crm"},
    "statement_rate_exceeded": {"tenant": "customer/acme", "limit": 500},
    "read_only_user": {"username": "app"},
    "statement_too_slow": {"is_mariadb": False},
    "value_refused": {"name": "lock_wait_timeout", "value": "100"},
    "unsupported_clause": {"what": "LIKE in SHOW PROXY"},
}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def section(path: str, heading: str) -> str:
    """The text below a heading, up to the next one of its level."""
    after = re.split(rf"^## {re.escape(heading)}$", read(path), flags=re.MULTILINE)[1]
    return after.split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a table's rows, without its heading."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code(page: Path) -> str:
    """Everything in a page that is set as code."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```.*?^```$", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join(
        [*blocks, *re.findall(r"`[^`\n]+`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))]
    )


def error_functions() -> list[Callable[..., ClientError]]:
    found = [function for name, function in vars(errors).items() if not name.startswith("_")]
    return [each for each in found if inspect.isfunction(each) and each.__module__ == errors.__name__]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for target in targets:
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.is_file(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)\b", code(page)))
    assert named <= set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))


def test_every_make_target_is_described() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*?## ", read("Makefile"), flags=re.MULTILINE))
    described = {cells[0] for cells in rows(section("CONTRIBUTING.md", "Set-up"))}
    assert {f"`make {target}`" for target in targets - {"help"}} == described


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_the_console_script_exist(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Elsewhere the word is a unit's, a user's or the proxy's name.
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--help"]) == 0
    usage = capsys.readouterr().out
    for word in re.findall(r"(?:bin/|`)rds-proxy ([a-z-]+)", code(page)):
        if word != "listens":
            assert re.search(rf"(?:^ +|\s){re.escape(word)}\s", usage, flags=re.MULTILINE), word


def test_every_folder_of_tests_is_described() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("**/*.py"))}
    described = {cells[0].strip("`") for cells in rows(section("CONTRIBUTING.md", "Tests"))}
    assert described == {f"tests/{folder}" for folder in folders}


def test_the_demo_says_what_the_readme_shows() -> None:
    shown = re.findall(r"^200 clients.*\n.*$|^Starting .*$", read("README.md"), flags=re.MULTILINE)
    assert len(shown) == 3
    texts = texts_in_the_source("proxy/demo")
    for part in re.split(r"\b[\d,]+\b|, |\n", "\n".join(shown)):
        assert any(part.strip() in text for text in texts), part


def test_code_paths_exist() -> None:
    for page in PAGES:
        for path in re.findall(
            r"`((?:proxy|tests|docs|etc|\.ci)/[\w./-]+)`", page.read_text(encoding="utf-8")
        ):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_modules_named_in_the_architecture_exist() -> None:
    for path in re.findall(r"`([a-z]+/[a-z_]+\.py)`", read("docs/architecture.md")):
        assert any((ROOT / "proxy" / above / path).is_file() for above in ("", "mysql", "..")), path


def test_pin_reasons_are_those_of_the_enum() -> None:
    described = [cells[0].strip("`") for cells in rows(section("docs/pinning.md", "What pins"))]
    assert described == [reason.value for reason in PinReason]


def test_the_errors_are_those_of_the_module() -> None:
    made = [function(**SAMPLES.get(function.__name__, {})) for function in error_functions()]
    table = rows(section("docs/operations.md", "Errors that clients see"))
    described = [(int(cells[0]), cells[1], cells[2].strip("`")) for cells in table]
    assert sorted(described) == sorted((each.errno, each.sqlstate, each.message) for each in made)
    assert [number for number, _, _ in described] == sorted(number for number, _, _ in described)


def test_the_sample_of_a_refused_command_is_one() -> None:
    assert SAMPLES["refused_command"]["why"] in REFUSED.values()


def texts_in_the_source(folder: str) -> set[str]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_log_lines_are_in_the_source() -> None:
    texts = texts_in_the_source("proxy")
    for cells in rows(section("docs/operations.md", "Log")):
        for line in re.findall(r"`([^`]+)`", cells[0]):
            form = re.compile(".*".join(re.escape(part) for part in line.split("…")), re.DOTALL)
            assert any(form.search(text) for text in texts), line


def options_named(page: str) -> set[str]:
    return set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", read(page)))


@pytest.mark.parametrize(
    "page",
    [
        *("docs/operations.md", "docs/failover.md", "docs/tenants.md", "docs/credentials.md"),
        *("docs/architecture.md", "README.md"),
    ],
)
def test_options_exist(page: str) -> None:
    words = {reason.value for reason in PinReason}
    others = {"mysql_native_password", "caching_sha2_password", "client_ed25519", "max_connections"}
    others |= {"sql_mode", "collation_connection"}
    others |= {"mysql_clear_password", "unix_socket", "max_password_errors", "pam_use_cleartext_plugin"}
    others |= {"program_name", "transaction_read_only", "innodb_lock_wait_timeout"}
    others |= {"read_only", "super_read_only", "innodb_read_only", "wsrep_on", "gtid_mode"}
    others |= {"read_write_split", "group_replication", "rds_topology", "replica_host_status"}
    others |= {column.name for column in TENANT_COLUMNS}
    for name in options_named(page) - words - others:
        assert f"| `{name}` |" in read("docs/configuration.md"), name


def test_the_columns_of_tenants_are_documented() -> None:
    page = section("docs/tenants.md", "Looking at it")
    assert [column.name for column in TENANT_COLUMNS if f"`{column.name}`" not in page] == ["tenant"]


def test_the_toml_of_the_documents_is_a_configuration(tmp_path: Path) -> None:
    first, second = re.findall(r"^```toml\n(.*?)^```$", read("docs/operations.md"), flags=re.M | re.S)
    (tmp_path / "rds-proxy.toml").write_text(first, encoding="utf-8")
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(second, encoding="utf-8")
    config = load(tmp_path / "rds-proxy.toml")
    assert Path(config.proxy.secrets_file) == secrets
    assert config.proxy.auth[0].secret_arn == "app"


def test_the_toml_of_the_credentials_page_is_a_configuration() -> None:
    page = read("docs/credentials.md")
    secrets, asking, query = re.findall(r"^```toml\n(.*?)^```$", page, flags=re.M | re.S)
    kinds = [re.split(r":|_", entry.secret_arn)[0] for entry in loads(secrets).proxy.auth]
    assert kinds == ["app", "arn", "env"]
    assert loads(asking).proxy.pass_through_users == "password"
    assert loads(asking.replace("[proxy]", f"[proxy]\n{query}")).proxy.auth_query.count("?") == 1


def test_the_toml_of_the_failover_page_is_a_configuration() -> None:
    first, second = re.findall(r"^```toml\n(.*?)^```$", read("docs/failover.md"), flags=re.M | re.S)
    assert [endpoint.target_role for endpoint in endpoints(loads(first).proxy)] == ["READ_WRITE", "READ_ONLY"]
    deployments = [target.deployment for target in loads(second).target_group.targets]
    assert deployments == ["blue", "green"]


def test_the_toml_of_the_tenants_page_is_a_configuration() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", read("docs/tenants.md"), flags=re.M | re.S)
    proxy = loads(text).proxy
    tenants = Tenants(proxy.tenants, proxy.tenant_attribute, proxy.max_tenants)

    def name(user: str, customer: str = "") -> str:
        return tenants.tenant_for(user, "", {b"customer": customer.encode()}).name

    names = {name("app", "initech"), name("app", "hooli"), name("app", "acme"), name("app"), name("reports")}
    assert names == {"customer/initech", "customer/hooli", "big/acme", "default/app", "reports"}
    page = read("docs/tenants.md")
    assert [each for each in names if f"`{each}`" not in page] == ["reports"]


def test_every_limit_of_a_tenant_is_described() -> None:
    shown = section("docs/tenants.md", "What a client sees at each limit")
    described = {name for cells in rows(shown) for name in re.findall(r"`(\w+)`", cells[0])}
    matching = {"name", "user_names", "schemas", "attribute_values", "each"}
    inside = {"weight", "min_connections_percent"}
    assert described == {field.name for field in attrs.fields(TenantConfig)} - matching - inside


def test_the_states_and_reasons_of_targets_are_those_of_the_enums() -> None:
    cells = [[cell.strip("`") for cell in row] for row in rows(section("docs/failover.md", "Health"))]
    assert {state for state, *_ in cells} == {state.value for state in HealthState}
    assert {reason for _, reason, *_ in cells} == {reason.value for reason in HealthReason} | {"—"}


def test_the_topologies_are_those_of_the_option() -> None:
    described = {cells[0].strip("`") for cells in rows(section("docs/failover.md", "Topologies"))}
    assert described | {"auto"} == set(TOPOLOGIES)


def unit(path: Path = UNIT) -> dict[str, list[tuple[str, str]]]:
    """The unit's sections; a key may stand more than once, so each is a list."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            present = sections.setdefault(line.strip("[]"), [])
        else:
            key, sign, value = line.partition("=")
            assert sign, line
            assert re.fullmatch(r"[A-Z][A-Za-z]+", key), line
            present.append((key, value))
    return sections


def test_the_unit_is_well_formed() -> None:
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    assert parser.sections() == ["Unit", "Service", "Install"]
    repeated = [key for key, count in _counted(unit()["Service"]) if count > 1]
    assert repeated == ["SystemCallFilter"]


def _counted(entries: list[tuple[str, str]]) -> list[tuple[str, int]]:
    keys = [key for key, _ in entries]
    return [(key, keys.count(key)) for key in dict.fromkeys(keys)]


def test_the_unit_starts_what_the_guide_installs() -> None:
    service = dict(unit()["Service"])
    words = service["ExecStart"].split()
    guide = section("docs/operations.md", "Install")
    assert words[0] == "/opt/rds-proxy/bin/twistd"
    assert words[0].removesuffix("/bin/twistd") in guide
    assert words[-1] in guide
    assert (
        f"useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {service['User']}" in guide
    )
    assert "rds-proxy" in read("twisted/plugins/" + _plugin())


def _plugin() -> str:
    (found,) = [path.name for path in (ROOT / "twisted" / "plugins").glob("*.py")]
    return found


def test_the_unit_calls_twistd_as_the_demo_does() -> None:
    words = dict(unit()["Service"])["ExecStart"].split()
    expected = ["--nodaemon", "--pidfile=", "rds-proxy", "--config", "/etc/rds-proxy/rds-proxy.toml"]
    assert words[1:] == expected


def test_the_unit_leaves_time_to_drain() -> None:
    assert int(dict(unit()["Service"])["TimeoutStopSec"]) > Config().proxy.drain_timeout + 5


def test_the_unit_leaves_descriptors_for_all_clients() -> None:
    assert int(dict(unit()["Service"])["LimitNOFILE"]) >= 2 * Config().proxy.max_client_connections


def test_the_socket_unit_listens_as_the_proxy_would() -> None:
    described = unit(UNIT.with_suffix(".socket"))
    assert list(described) == ["Unit", "Socket", "Install"]
    options = dict(described["Socket"])
    streams = [value for key, value in described["Socket"] if key == "ListenStream"]
    defaults = Config().proxy
    assert streams[0] == f"{defaults.bind_address}:{defaults.port}"
    assert options["SocketMode"] == defaults.socket_mode
    assert int(options["Backlog"]) == LISTEN_BACKLOG
    # systemd removes this folder when the service ends; its own socket must not be in it.
    folder = dict(unit()["Service"])["RuntimeDirectory"]
    assert not streams[1].startswith(f"/run/{folder}/")


def test_the_readers_socket_is_the_services_and_named() -> None:
    described = unit(UNIT.with_name("rds-proxy-reader.socket"))
    assert list(described) == ["Unit", "Socket", "Install"]
    options = dict(described["Socket"])
    assert options["Service"] == UNIT.name
    assert int(options["Backlog"]) == LISTEN_BACKLOG
    example = next(section for section in sections() if section.path == "proxy.endpoints")
    examples = {attribute.name: option.example for attribute, option in example.options}
    assert options["FileDescriptorName"] == examples["name"]
    assert options["ListenStream"].endswith(f":{examples['port']}")


def test_the_license_is_the_one_the_package_names() -> None:
    assert "Apache-2.0" in read("pyproject.toml")
    text = read("LICENSE")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
