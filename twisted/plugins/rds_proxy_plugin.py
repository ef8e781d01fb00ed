"""Makes ``twistd rds-proxy`` known; the module it names is imported only when that is called."""

from twisted.application.service import ServiceMaker

rds_proxy = ServiceMaker(
    "rds-proxy",
    "proxy.tap",
    "A MySQL-protocol database proxy that behaves like AWS RDS Proxy.",
    "rds-proxy",
)
