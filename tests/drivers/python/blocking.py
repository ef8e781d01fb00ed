"""Connections of asyncio drivers with methods that block, so that one scenario serves every driver."""

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any

__all__ = ["Blocking", "BlockingConnection"]


class Blocking:
    """Passes everything on to an object of an asyncio driver, and waits for what has to be awaited."""

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            result = value(*arguments, **options)
            return self._wait(result) if inspect.isawaitable(result) else result

        return call

    def _wait(self, result: Awaitable[Any]) -> Any:
        async def waits() -> Any:
            return await result

        return self._loop.run_until_complete(waits())


class BlockingConnection(Blocking):
    """A connection; its cursors block, too. Closing it ends its event loop."""

    def __init__(self, connect: Any, **options: Any) -> None:
        loop = asyncio.new_event_loop()

        async def connects() -> Any:
            return await connect(**options)

        try:
            super().__init__(loop.run_until_complete(connects()), loop)
        except BaseException:
            loop.close()
            raise

    def cursor(self, *kind: Any) -> Blocking:
        """A cursor that blocks."""

        async def opens() -> Any:
            opened = self._inner.cursor(*kind)
            return await opened if inspect.isawaitable(opened) else opened

        return Blocking(self._loop.run_until_complete(opens()), self._loop)

    def prepare(self, sql: str) -> Blocking:
        """A prepared statement that blocks (asyncmy)."""
        return Blocking(self._wait(self._inner.prepare(sql)), self._loop)

    def close(self) -> None:
        """COM_QUIT, the socket closed, the loop ended."""
        try:
            self._wait(self._inner.ensure_closed())
            # A closed TLS transport finishes in the turns after this one.
            self._wait(asyncio.sleep(0))
        finally:
            self._loop.close()
