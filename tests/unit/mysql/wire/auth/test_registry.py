"""The plugins by name."""

from proxy.mysql.wire.auth.registry import ASKING_PLUGINS, CLIENT_PLUGINS, SERVER_PLUGINS


def test_server_plugins() -> None:
    assert set(SERVER_PLUGINS) == {
        b"mysql_native_password",
        b"caching_sha2_password",
        b"mysql_clear_password",
    }


def test_plugins_that_learn_the_password() -> None:
    assert set(ASKING_PLUGINS) == {b"caching_sha2_password", b"mysql_clear_password"}


def test_client_plugins() -> None:
    assert set(CLIENT_PLUGINS) == {
        b"mysql_native_password",
        b"caching_sha2_password",
        b"client_ed25519",
        b"mysql_clear_password",
    }


def test_each_plugin_is_under_its_own_name() -> None:
    for plugins in (SERVER_PLUGINS, ASKING_PLUGINS, CLIENT_PLUGINS):
        assert all(plugin.name == name for name, plugin in plugins.items())
