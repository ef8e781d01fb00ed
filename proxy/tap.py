"""What the twistd plugin names: command line, composition root, the only module that knows the reactor."""

from importlib import metadata
from typing import Any

from twisted.logger import ILogObserver
from twisted.python import usage

from . import __version__
from .config import ConfigError, load
from .logs import LogLevels, log_stream, observer
from .service import ProxyService
from .settings import check_files

__all__ = ["Options", "makeService"]


class Options(usage.Options):
    """Command line of ``twistd rds-proxy``."""

    longdesc = "A database proxy that speaks the MySQL protocol and behaves like AWS RDS Proxy."
    optParameters = [["config", "c", "/etc/rds-proxy/rds-proxy.toml", "Path of the configuration file."]]

    def postOptions(self) -> None:
        """Read and try the configuration, so that what is wrong with it is said as one message."""
        _refuse_foreign_package()
        path = self["config"]
        try:
            self["loaded"] = config = load(path)
            check_files(config)
        except ConfigError as problem:
            raise usage.UsageError(str(problem)) from None
        except ValueError as problem:
            raise usage.UsageError(f"{path}: {problem}") from None
        except OSError as problem:
            raise usage.UsageError(f"{problem.filename or path}: {problem.strerror}") from None

    def opt_version(self) -> None:
        """Show the proxy's version and exit."""
        print(f"rds-proxy {__version__}")
        raise SystemExit(0)


def makeService(options: Any) -> "ProxyService":
    """Build the service from the configuration that the options have read."""
    path, config = options["config"], options["loaded"]
    levels = LogLevels("debug" if config.proxy.debug_logging else config.log.level)
    from twisted.internet import reactor  # noqa: PLC0415 - the reactor twistd has chosen by now

    parent = options.parent or {}
    logfile = parent.get("logfile") or (None if parent.get("nodaemon", True) else "twistd.log")
    return _LoggingService(path, config, levels, reactor, logfile)


class _LoggingService(ProxyService):
    """Gives twistd the log observer that the configuration asks for."""

    def __init__(self, path: str, config: Any, levels: LogLevels, reactor: Any, logfile: str | None) -> None:
        super().__init__(path, config, levels, reactor)
        self._logfile = logfile
        self._form = config.log.format

    def setServiceParent(self, parent: Any) -> None:
        """Twistd's application carries the observer as a component, unless one was chosen with --logger."""
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]
        if parent.getComponent(ILogObserver, None) is None:
            parent.setComponent(ILogObserver, observer(log_stream(self._logfile), self._form, self.levels))


def _refuse_foreign_package() -> None:
    """Another distribution (proxy.py) ships the import name ``proxy``; do not run a mixture of both."""
    owners = set(metadata.packages_distributions().get("proxy", ()))
    foreign = owners - {"rds-proxy"}
    if foreign:
        raise usage.UsageError(
            f"the package 'proxy' is also installed by {', '.join(sorted(foreign))};"
            " install rds-proxy into an environment of its own"
        )
