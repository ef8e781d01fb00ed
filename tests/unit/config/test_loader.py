"""Loading: defaults, every kind of mistake, all mistakes at once, paths."""

from pathlib import Path

import attrs
import pytest

from proxy.config import Config, ConfigError, load, loads
from proxy.config.loader import MAX_CONFIG_SIZE

TARGET = '[[target_group.targets]]\nhost = "db"\n'
POOL = "[target_group.connection_pool_config]\n"


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "a.toml")
    assert caught.value.source == "a.toml"
    return caught.value.problems


def proxy(text: str) -> Config:
    return loads(f"[proxy]\n{text}\n{TARGET}")


class TestDefaults:
    def test_a_target_is_all_a_file_needs(self) -> None:
        config = loads(TARGET)
        assert config.target_group.targets[0].host == "db"
        assert (config.proxy.bind_address, config.proxy.port) == ("127.0.0.1", 3306)
        assert config.proxy.auth == ()

    def test_idle_share_is_half_of_the_maximum(self) -> None:
        assert loads(TARGET).target_group.connection_pool_config.max_idle_connections_percent == 50
        config = loads(f"{POOL}max_connections_percent = 31\n{TARGET}")
        assert config.target_group.connection_pool_config.max_idle_connections_percent == 15

    def test_sections_are_frozen(self) -> None:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            loads(TARGET).proxy.port = 1  # type: ignore[misc]


class TestValues:
    @pytest.mark.parametrize("text", ["60", "60.0", "6e1"])
    def test_a_time_is_an_integer_or_a_float(self, text: str) -> None:
        timeout = proxy(f"idle_client_timeout = {text}").proxy.idle_client_timeout
        assert timeout == 60
        assert isinstance(timeout, float)

    def test_arrays_become_tuples(self) -> None:
        config = loads(f'{POOL}session_pinning_filters = ["EXCLUDE_VARIABLE_SETS"]\n{TARGET}')
        assert config.target_group.connection_pool_config.session_pinning_filters == (
            "EXCLUDE_VARIABLE_SETS",
        )

    @pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "::1"])
    def test_addresses(self, address: str) -> None:
        assert proxy(f'bind_address = "{address}"').proxy.bind_address == address

    @pytest.mark.parametrize("name", ["a", "a-b", "A1-2b", "a" * 63])
    def test_names(self, name: str) -> None:
        assert proxy(f'name = "{name}"').proxy.name == name

    @pytest.mark.parametrize("number", ["1", "28800"])
    def test_the_ends_of_a_range_are_allowed(self, number: str) -> None:
        assert proxy(f"idle_client_timeout = {number}").proxy.idle_client_timeout == float(number)


class TestMistakes:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("port = true", "proxy.port: must be an integer, not a boolean"),
            ("port = 3306.0", "proxy.port: must be an integer, not a float"),
            ('port = "3306"', "proxy.port: must be an integer, not a string"),
            ("port = 65536", "proxy.port: 65536 is above 65535"),
            ("port = -1", "proxy.port: -1 is below 0"),
            ("drain_timeout = true", "proxy.drain_timeout: must be a number, not a boolean"),
            ("drain_timeout = nan", "proxy.drain_timeout: must be a number, not nan"),
            ("drain_timeout = inf", "proxy.drain_timeout: inf is above 3600"),
            ("drain_timeout = -0.5", "proxy.drain_timeout: -0.5 is below 0"),
            ("drain_timeout = 1979-05-27", "proxy.drain_timeout: must be a number, not a date"),
            ("require_tls = 1", "proxy.require_tls: must be a boolean, not an integer"),
            ("name = 5", "proxy.name: must be a string, not an integer"),
            ("name = []", "proxy.name: must be a string, not an array"),
            (f'name = "{"a" * 64}"', "proxy.name: is 64 characters long, at most 63 are allowed"),
            ('bind_address = "localhost"', "proxy.bind_address: must be an IPv4 or IPv6 address"),
            (
                'server_version = "8\\u00e4"',
                "proxy.server_version: must hold only printable ASCII characters",
            ),
            ("auth = 5", "proxy.auth: must be an array of tables, not an integer"),
        ],
    )
    def test_a_wrong_value_in_proxy(self, line: str, message: str) -> None:
        assert problems(f"[proxy]\n{line}\n{TARGET}") == (message,)

    @pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "1a", "a_b", "a\\n"])
    def test_a_name_outside_the_pattern(self, name: str) -> None:
        (problem,) = problems(f'[proxy]\nname = "{name}"\n{TARGET}')
        assert problem.startswith("proxy.name: must start with a letter")

    def test_a_number_too_long_to_print(self) -> None:
        (problem,) = problems(f"[proxy]\nport = 0x{'f' * 9000}\n{TARGET}")
        assert problem == "proxy.port: the number is above 65535"

    def test_a_choice_lists_what_is_allowed(self) -> None:
        assert problems(f'[log]\nformat = "xml"\n{TARGET}') == (
            'log.format: "xml" is not one of "text", "json"',
        )

    def test_a_long_or_unprintable_choice_is_shortened_and_escaped(self) -> None:
        (problem,) = problems(f'[log]\nformat = "\\n{"x" * 500}"\n{TARGET}')
        assert "\n" not in problem
        assert len(problem) < 150

    def test_a_wrong_item_of_an_array(self) -> None:
        assert problems(f'{POOL}session_pinning_filters = ["X"]\n{TARGET}') == (
            "target_group.connection_pool_config.session_pinning_filters: "
            '"X" is not one of "EXCLUDE_VARIABLE_SETS"',
        )
        assert problems(f"{POOL}session_pinning_filters = [1]\n{TARGET}") == (
            "target_group.connection_pool_config.session_pinning_filters: "
            "must hold only strings, not an integer",
        )

    def test_the_path_of_a_repeated_section_has_an_index(self) -> None:
        assert problems('[[target_group.targets]]\nhost = "db"\nport = 0\n') == (
            "target_group.targets[0].port: 0 is below 1",
        )

    @pytest.mark.parametrize(("host", "message"), [("", "is required"), ('host = ""', "must not be empty")])
    def test_a_required_option(self, host: str, message: str) -> None:
        assert problems(f"[[target_group.targets]]\n{host}\n") == (
            f"target_group.targets[0].host: {message}",
        )

    def test_one_to_sixteen_targets(self) -> None:
        assert problems("") == ("target_group.targets: needs at least 1, 0 given",)
        many = "".join(f'[[target_group.targets]]\nhost = "db{number}"\n' for number in range(17))
        assert problems(many) == ("target_group.targets: allows at most 16, 17 given",)

    def test_at_most_20_endpoints(self) -> None:
        many = "".join(f'[[proxy.endpoints]]\nname = "e{number}"\nport = 0\n' for number in range(21))
        assert problems(many + TARGET) == ("proxy.endpoints: allows at most 20, 21 given",)

    def test_an_endpoint_needs_a_name_and_a_port(self) -> None:
        assert problems(f"[[proxy.endpoints]]\n{TARGET}") == (
            "proxy.endpoints[0].name: is required",
            "proxy.endpoints[0].port: is required",
        )

    @pytest.mark.parametrize("name", ["a", "app.price", "Größe", "$1"])
    def test_names_of_functions(self, name: str) -> None:
        config = proxy(f'routing = "read_write_split"\nread_only_functions = ["{name}"]')
        assert config.proxy.read_only_functions == (name,)

    @pytest.mark.parametrize("name", ["", "a.b.c", "a b", "`a`", "a()"])
    def test_what_names_no_function(self, name: str) -> None:
        assert problems(f'[proxy]\nread_only_functions = ["{name}"]\n{TARGET}') == (
            "proxy.read_only_functions: must hold names of functions, as name or schema.name",
        )

    def test_at_most_200_secrets(self) -> None:
        entries = "".join(f'[[proxy.auth]]\nsecret_arn = "{number}"\n' for number in range(201))
        text = f'[proxy]\nsecrets_file = "s"\n{entries}{TARGET}'
        assert problems(text) == ("proxy.auth: allows at most 200, 201 given",)

    def test_a_section_that_is_a_value(self) -> None:
        assert problems(f"log = 3\n{TARGET}") == ("log: must be a table, not an integer",)

    def test_a_value_that_rds_has_for_other_databases(self) -> None:
        entry = '[[proxy.auth]]\nsecret_arn = "a"\niam_auth = "ENABLED"\n'
        (problem,) = problems(f'[proxy]\nsecrets_file = "s"\n{entry}{TARGET}')
        assert problem.startswith('proxy.auth[0].iam_auth: "ENABLED": ')
        assert "SQL Server" in problem

    def test_all_mistakes_are_told_at_once(self) -> None:
        found = problems('[log]\nlevel = "loud"\n[proxy]\nport = 70000\nnmae = "x"\n')
        assert [problem.partition(":")[0] for problem in found] == [
            "log.level",
            "proxy.nmae",
            "proxy.port",
            "target_group.targets",
        ]

    def test_the_message_names_source_and_path_on_each_line(self) -> None:
        with pytest.raises(ConfigError) as caught:
            loads(f"[proxy]\nport = 70000\nname = 1\n{TARGET}", "a.toml")
        assert str(caught.value).splitlines() == [
            "a.toml: proxy.name: must be a string, not an integer",
            "a.toml: proxy.port: 70000 is above 65535",
        ]

    @pytest.mark.parametrize("text", ["[proxy", "a = 1\na = 2", "a = " + "[" * 100_000, "a = " + "9" * 5000])
    def test_text_that_is_not_toml(self, text: str) -> None:
        (problem,) = problems(text)
        assert problem.startswith("is not valid TOML")

    def test_an_unknown_option_does_not_show_its_value(self) -> None:
        entry = '[[proxy.auth]]\nsecret_arn = "a"\npassword = "hunter2"\n'
        (problem,) = problems(f'[proxy]\nsecrets_file = "s"\n{entry}{TARGET}')
        assert problem == "proxy.auth[0].password: unknown option"


class TestPaths:
    def test_relative_paths_start_at_the_files_directory(self, tmp_path: Path) -> None:
        file = tmp_path / "c.toml"
        file.write_text(
            '[proxy]\nsecrets_file = "s.toml"\ntls_certificate = "/c.pem"\ntls_private_key = "k"\n' + TARGET
        )
        config = load(file)
        assert config.proxy.secrets_file == str(tmp_path / "s.toml")
        assert config.proxy.tls_certificate == "/c.pem"
        assert config.proxy.tls_private_key == str(tmp_path / "k")

    def test_paths_are_absolute_whatever_the_working_directory_becomes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "c.toml").write_text('[proxy]\nsecrets_file = "s.toml"\n' + TARGET)
        monkeypatch.chdir(tmp_path)
        assert load("c.toml").proxy.secrets_file == str(tmp_path / "s.toml")

    def test_an_empty_path_stays_empty(self, tmp_path: Path) -> None:
        assert loads(TARGET, "x", tmp_path).proxy.secrets_file == ""

    def test_text_without_a_directory_keeps_its_paths(self) -> None:
        assert proxy('secrets_file = "s"').proxy.secrets_file == "s"


class TestFiles:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
            load(tmp_path / "none.toml")

    def test_bytes_that_are_not_text(self, tmp_path: Path) -> None:
        (tmp_path / "c.toml").write_bytes(b'a = "\xff"')
        with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 5\)"):
            load(tmp_path / "c.toml")

    def test_a_file_beyond_the_limit(self, tmp_path: Path) -> None:
        (tmp_path / "c.toml").write_bytes(b"#" * (MAX_CONFIG_SIZE + 1))
        with pytest.raises(ConfigError, match="is larger than"):
            load(tmp_path / "c.toml")

    def test_a_byte_order_mark_and_windows_line_ends(self, tmp_path: Path) -> None:
        (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbf" + TARGET.replace("\n", "\r\n").encode())
        assert load(tmp_path / "c.toml") == loads(TARGET)
