from proxy.mysql.wire.capabilities import OFFERED_TO_CLIENTS, WIRE_FORMAT, Capability


def test_bits_are_the_manuals() -> None:
    assert int(Capability.PROTOCOL_41) == 0x200
    assert int(Capability.SSL) == 0x800
    assert int(Capability.PLUGIN_AUTH) == 0x80000
    assert int(Capability.SESSION_TRACK) == 0x800000
    assert int(Capability.DEPRECATE_EOF) == 0x1000000


def test_what_cannot_be_passed_on_is_not_offered() -> None:
    """Compression would have to be undone; the others change bytes the scanner reads."""
    for missing in (
        Capability.COMPRESS,
        Capability.ZSTD_COMPRESSION,
        Capability.OPTIONAL_RESULTSET_METADATA,
        Capability.QUERY_ATTRIBUTES,
        Capability.MULTI_FACTOR_AUTHENTICATION,
        Capability.SSL,
    ):
        assert missing not in OFFERED_TO_CLIENTS


def test_the_pools_key_is_made_of_offered_bits() -> None:
    assert WIRE_FORMAT & OFFERED_TO_CLIENTS == WIRE_FORMAT


def test_what_the_proxy_translates_is_not_in_the_key() -> None:
    for translated in (Capability.DEPRECATE_EOF, Capability.SESSION_TRACK, Capability.MULTI_STATEMENTS):
        assert translated not in WIRE_FORMAT
