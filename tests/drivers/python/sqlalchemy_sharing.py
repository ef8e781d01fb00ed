"""An application on SQLAlchemy under load, as a program: threads that take connections from one pool of it.

Beside what `crowd` wants the task names the `driver`. The pool is large enough for all clients; everything
else is as SQLAlchemy and the driver have it by default.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

# Oracle's C extension brings an OpenSSL of its own, and has to be the first to load one.
with suppress(ImportError):
    import _mysql_connector  # noqa: F401

import sqlalchemy as sa
from sqlalchemy import orm

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from tests.drivers.python.crowd import meet, refused_duplicate, task_given  # noqa: E402

LINES = 12
WAIT_LIMIT = 30.0


class Base(orm.DeclarativeBase):
    """Of the tables below."""


class Customer(Base):
    """One for each client."""

    __tablename__ = "ss_customer"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(50), unique=True)
    lines: orm.Mapped[list["Line"]] = orm.relationship(cascade="all, delete-orphan")


class Line(Base):
    """What a customer wants."""

    __tablename__ = "ss_line"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    customer_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("ss_customer.id"))
    title: orm.Mapped[str] = orm.mapped_column(sa.String(50))
    price: orm.Mapped[Decimal] = orm.mapped_column(sa.Numeric(10, 2))


def write(engine: sa.Engine, name: str) -> int:
    """Objects with generated keys, in one transaction; return the customer's key."""
    with orm.Session(engine) as session, session.begin():
        customer = Customer(name=name)
        customer.lines += [Line(title=f"{name} 😀 {n}", price=Decimal(n) / 4) for n in range(LINES)]
        session.add(customer)
        session.flush()
        return customer.id


def read(engine: sa.Engine, name: str, key: int) -> None:
    """What was written, loaded lazily, summed up, and streamed."""
    with orm.Session(engine) as session:
        customer = session.scalars(sa.select(Customer).where(Customer.name == name)).one()
        assert customer.id == key
        assert [line.title for line in customer.lines] == [f"{name} 😀 {n}" for n in range(LINES)]
        total = session.scalar(sa.select(sa.func.sum(Line.price)).where(Line.customer_id == key))
        assert total == sum(Decimal(n) / 4 for n in range(LINES))
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True, yield_per=5)
        rows = streaming.execute(sa.select(Line.title).where(Line.customer_id == key).order_by(Line.id))
        assert [title for (title,) in rows] == [f"{name} 😀 {n}" for n in range(LINES)]


def fail(engine: sa.Engine, name: str, key: int) -> None:
    """A duplicate inside a savepoint, and a transaction that is given up."""
    with orm.Session(engine) as session, session.begin():
        savepoint = session.begin_nested()
        session.add(Customer(name=name))
        with refused_duplicate(sa.exc.IntegrityError):
            session.flush()
        savepoint.rollback()
        assert session.get(Customer, key) is not None
    with orm.Session(engine) as session:
        session.execute(sa.delete(Line).where(Line.customer_id == key))
        session.rollback()
        count = session.scalar(sa.select(sa.func.count(Line.id)).where(Line.customer_id == key))
        assert count == LINES


def set_levels(engine: sa.Engine, key: int) -> None:
    """Another isolation level for one use of a connection, and autocommit."""
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        assert connection.get_isolation_level() == "SERIALIZABLE"
        assert connection.scalar(sa.select(Customer.id).where(Customer.id == key)) == key
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        changed = connection.execute(sa.update(Line).where(Line.customer_id == key).values(title="changed"))
        assert changed.rowcount == LINES
    with engine.connect() as connection:
        assert connection.get_isolation_level() == "REPEATABLE READ"


def main() -> int:
    """Run it, and leave no tables."""
    task: dict[str, Any] = task_given()
    address = (task["user"], task["password"], task["host"], task["port"], task["schema"])
    url = sa.URL.create(f"mysql+{task['driver']}", *address)
    engine = sa.create_engine(url, pool_size=task["clients"])
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)

    everyone = threading.Barrier(task["clients"])

    @contextmanager
    def visit(number: int) -> Iterator[None]:
        with engine.connect() as connection:
            assert connection.scalar(sa.select(sa.literal(number))) == number
            connection.rollback()
            # So that the pool has a connection for each.
            everyone.wait(WAIT_LIMIT)
        name = f"client {number}"
        key = write(engine, name)
        read(engine, name, key)
        fail(engine, name, key)
        set_levels(engine, key)
        yield

    status = meet(task["clients"], visit)
    Base.metadata.drop_all(engine)
    engine.dispose()
    return status


if __name__ == "__main__":
    sys.exit(main())
