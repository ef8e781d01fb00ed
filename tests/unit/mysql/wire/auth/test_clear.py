"""mysql_clear_password."""

import pytest

from proxy.mysql.wire.auth.clear import ClearClient
from proxy.mysql.wire.auth.plugin import AuthRefused, Channel


def test_sends_the_password_over_a_secure_channel() -> None:
    exchange = ClearClient().respond(b"token", b"", Channel(secure=True))
    assert next(exchange) == b"token\0"
    with pytest.raises(AuthRefused, match="more data"):
        exchange.send(b"again")


@pytest.mark.parametrize("password", [b"", b"hunter2"])
def test_sends_nothing_over_an_insecure_channel(password: bytes) -> None:
    with pytest.raises(AuthRefused, match="insecure channel") as refusal:
        next(ClearClient().respond(password, b"", Channel(secure=False)))
    assert "hunter2" not in str(refusal.value)
