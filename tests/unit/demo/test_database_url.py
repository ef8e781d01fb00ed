import pytest

from proxy.demo.database_url import DatabaseAddress, DatabaseUrlError, parse_database_url


def test_all_parts() -> None:
    address = parse_database_url("mysql://app:secret@db.example.com:3310/shop")
    assert address == DatabaseAddress("db.example.com", 3310, "app", "secret", "shop")


def test_port_and_database_may_be_left_out() -> None:
    address = parse_database_url("mysql://app:secret@db.example.com")
    assert (address.port, address.database) == (3306, "")


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+pymysql", "MySQL"])
def test_schemes(scheme: str) -> None:
    assert parse_database_url(f"{scheme}://app:secret@host").host == "host"


def test_parts_are_percent_decoded() -> None:
    address = parse_database_url("mysql://a%40b:p%2F%3F%23%3A%40%25%20%C3%A4@host/d%2Fb")
    assert (address.username, address.password, address.database) == ("a@b", "p/?#:@% ä", "d/b")


def test_a_plus_sign_is_a_plus_sign() -> None:
    assert parse_database_url("mysql://app:1+1@host").password == "1+1"


def test_ipv6_host() -> None:
    address = parse_database_url("mysql://app:secret@[2001:db8::7]:3307/shop")
    assert (address.host, address.port) == ("2001:db8::7", 3307)


def test_surrounding_space_is_ignored() -> None:
    assert parse_database_url(" mysql://app:secret@host/shop\n").database == "shop"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://app:topsecret@host", "only MySQL and MariaDB"),
        ("app:topsecret@host", "must look like"),
        ("mysql://app:topsecret@", "names no host"),
        ("mysql://topsecret@host", "a user and a password"),
        ("mysql://host/topsecret", "a user and a password"),
        ("mysql://app:topsecret@host:0", "no valid port"),
        ("mysql://app:topsecret@host:65536", "no valid port"),
        ("mysql://app:topsecret@host:port", "no valid port"),
        ("mysql://app:top/secret@host", "%2F"),
        ("mysql://app:topsecret@[::1", "malformed"),
        ("mysql://app:topsecret%ff@host", "percent-encoded UTF-8"),
    ],
)
def test_errors_say_what_is_wrong_and_keep_the_password(url: str, complaint: str) -> None:
    with pytest.raises(DatabaseUrlError) as caught:
        parse_database_url(url)
    assert complaint in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_repr_keeps_the_password() -> None:
    assert "topsecret" not in repr(parse_database_url("mysql://app:topsecret@host"))
