from proxy.mysql.wire.capabilities import (
    DEPENDS_ON_TARGET,
    OFFERED_TO_CLIENTS,
    WIRE_FORMAT,
    Capability,
    offered_to_clients,
)


def test_bits_are_the_manuals() -> None:
    assert int(Capability.PROTOCOL_41) == 0x200
    assert int(Capability.SSL) == 0x800
    assert int(Capability.PLUGIN_AUTH) == 0x80000
    assert int(Capability.SESSION_TRACK) == 0x800000
    assert int(Capability.DEPRECATE_EOF) == 0x1000000


def test_what_only_the_target_can_do_is_offered_where_it_can() -> None:
    assert DEPENDS_ON_TARGET & OFFERED_TO_CLIENTS == 0
    for each in DEPENDS_ON_TARGET:
        assert each not in offered_to_clients(DEPENDS_ON_TARGET & ~each)
        assert each in offered_to_clients(each)


def test_tls_and_compression_are_a_matter_of_configuration() -> None:
    for each in (Capability.SSL, Capability.COMPRESS, Capability.ZSTD_COMPRESSION):
        assert each not in offered_to_clients(each)


def test_mariadbs_bits_exclude_long_password() -> None:
    assert Capability.LONG_PASSWORD in offered_to_clients(Capability.QUERY_ATTRIBUTES)
    assert Capability.LONG_PASSWORD not in offered_to_clients(Capability.MARIADB_PROGRESS)


def test_the_pools_key_is_made_of_offered_bits() -> None:
    assert WIRE_FORMAT & (OFFERED_TO_CLIENTS | DEPENDS_ON_TARGET) == WIRE_FORMAT


def test_what_the_proxy_translates_is_not_in_the_key() -> None:
    for translated in (Capability.DEPRECATE_EOF, Capability.SESSION_TRACK, Capability.MULTI_STATEMENTS):
        assert translated not in WIRE_FORMAT
