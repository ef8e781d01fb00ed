"""SQLAlchemy over several drivers: its pool, its ORM and its reflection, directly and through the proxy."""

import datetime as dt
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from ..servers import Pair, Place

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: it is in the extra `drivers`")

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import mysql

COLLATION = "utf8mb4_unicode_ci"
TIMEOUT = 30
MODULES = {"pymysql": "pymysql", "mysqldb": "MySQLdb", "mysqlconnector": "mysql.connector"}


class Base(orm.DeclarativeBase):
    """Of the tables below."""


class Author(Base):
    """One who writes books."""

    __tablename__ = "sa_author"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(50), unique=True)
    born: orm.Mapped[dt.date | None]
    details: orm.Mapped[dict[str, Any] | None] = orm.mapped_column(sa.JSON(none_as_null=True))
    books: orm.Mapped[list["Book"]] = orm.relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    """What an author wrote."""

    __tablename__ = "sa_book"
    id: orm.Mapped[int] = orm.mapped_column(mysql.BIGINT(unsigned=True), primary_key=True)
    author_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("sa_author.id"))
    title: orm.Mapped[str] = orm.mapped_column(sa.String(100))
    price: orm.Mapped[Decimal] = orm.mapped_column(sa.Numeric(10, 2))
    kind: orm.Mapped[str] = orm.mapped_column(sa.Enum("novel", "essay", name="kind"))
    cover: orm.Mapped[bytes | None] = orm.mapped_column(sa.LargeBinary)
    written: orm.Mapped[dt.datetime] = orm.mapped_column(mysql.DATETIME(fsp=6))
    author: orm.Mapped[Author] = orm.relationship(back_populates="books")


WRITTEN = dt.datetime(2024, 2, 29, 12, 34, 56, 789)
COVER = bytes(range(256))


def url_of(driver: str, place: Place) -> sa.URL:
    """Where SQLAlchemy connects to."""
    query = {"charset": "utf8mb4", **({"collation": COLLATION} if driver == "mysqlconnector" else {})}
    return sa.URL.create(
        f"mysql+{driver}", place.user, place.password, place.host, place.port, place.schema, query=query
    )


def tls_of(driver: str, place: Place) -> dict[str, Any]:
    """The driver's own options for TLS."""
    authority = str(place.authority)
    if driver == "mysqlconnector":
        return {"ssl_ca": authority, "ssl_verify_cert": True, "ssl_verify_identity": True, "use_pure": True}
    if driver == "mysqldb":
        return {"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": authority}}
    return {"ssl": {"ca": authority}}


@contextmanager
def engine_of(driver: str, place: Place, tls: bool, **options: Any) -> Iterator[sa.Engine]:
    """A pool of SQLAlchemy's, disposed of in the end."""
    arguments = tls_of(driver, place) if tls else {"use_pure": True} if driver == "mysqlconnector" else {}
    engine = sa.create_engine(url_of(driver, place), connect_args=arguments, **options)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(params=MODULES)
def driver(request: pytest.FixtureRequest) -> str:
    """One of SQLAlchemy's names for a driver."""
    module = MODULES[request.param]
    if importlib.util.find_spec(module.split(".")[0]) is None:
        pytest.skip(f"{module} is not installed: it is in the extra `drivers`")
    return str(request.param)


def make_tables(engine: sa.Engine) -> None:
    """Empty tables."""
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)


def write_and_read(engine: sa.Engine) -> object:
    """The ORM's way: flushes, a rollback, lazy and joined loads, counts."""
    with orm.Session(engine) as session, session.begin():
        session.add(Author(name="Jürgen 😀", born=dt.date(1950, 1, 2), details={"a": [1, None, "ü"]}))
        writer = Author(name="Ada")
        session.add(writer)
        for n in range(30):
            book = Book(title=f"b{n}", price=Decimal(n) / 4, kind="novel", cover=COVER, written=WRITTEN)
            writer.books.append(book)
    with orm.Session(engine) as session:
        session.add(Author(name="gone"))
        session.flush()
        session.rollback()
    with orm.Session(engine) as session:
        authors = session.scalars(sa.select(Author).order_by(Author.name)).all()
        assert [each.name for each in authors] == ["Ada", "Jürgen 😀"]
        assert authors[1].details == {"a": [1, None, "ü"]}
        books = authors[0].books
        assert sum(book.price for book in books) == Decimal("108.75")
        assert (books[0].cover, books[0].written) == (COVER, WRITTEN)
        rows = session.execute(
            sa.select(Author.name, sa.func.count(Book.id), sa.func.max(Book.price))
            .outerjoin(Book)
            .group_by(Author.name)
            .order_by(Author.name)
        ).all()
        return [tuple(row) for row in rows], [book.id for book in books]


def fail_on_a_duplicate(engine: sa.Engine) -> object:
    """An integrity error inside a savepoint leaves the transaction as it was."""
    with orm.Session(engine) as session, session.begin():
        session.add(Author(name="Grace"))
        session.flush()
        savepoint = session.begin_nested()
        session.add(Author(name="Ada"))
        with pytest.raises(sa.exc.IntegrityError) as caught:
            session.flush()
        savepoint.rollback()
        assert session.scalar(sa.select(sa.func.count(Author.id)).where(Author.name == "Grace")) == 1
    return str(caught.value.orig)


def reflect(engine: sa.Engine) -> object:
    """What SQLAlchemy finds out about the tables."""
    inspector = sa.inspect(engine)
    seen = []
    for table in ("sa_author", "sa_book"):
        columns = [
            (each["name"], str(each["type"]), each["nullable"]) for each in inspector.get_columns(table)
        ]
        keys = [each["referred_table"] for each in inspector.get_foreign_keys(table)]
        seen.append((columns, keys, inspector.get_indexes(table), inspector.get_pk_constraint(table)))
    assert inspector.has_table("sa_book")
    return seen, engine.dialect.server_version_info


def stream(engine: sa.Engine) -> int:
    """A cursor that does not hold the rows."""
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True, yield_per=7).execute(sa.select(Book.id))
        return len(result.all())


def use_the_pool(engine: sa.Engine) -> object:
    """What one use of a connection leaves behind, and isolation levels, seen by the next use."""
    with engine.connect() as connection:
        connection.execute(sa.insert(Author).values(name="never"))
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        first = connection.get_isolation_level()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.insert(Author).values(name="at once"))
    with engine.connect() as connection:
        count = sa.select(sa.func.count(Author.id)).where(Author.name.in_(["never", "at once"]))
        return first, connection.get_isolation_level(), connection.scalar(count)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_it_is_the_same_as_directly(pair: Pair, driver: str, tls: bool) -> None:
    seen = []
    for place in pair:
        with engine_of(driver, place, tls, pool_size=2, pool_pre_ping=True) as engine:
            make_tables(engine)
            steps = (write_and_read, fail_on_a_duplicate, reflect, stream, use_the_pool)
            seen.append([step(engine) for step in steps])
            Base.metadata.drop_all(engine)
    assert seen[1] == seen[0]
    assert seen[1][3] == 30
    assert seen[1][4] == ("SERIALIZABLE", "REPEATABLE READ", 1)
