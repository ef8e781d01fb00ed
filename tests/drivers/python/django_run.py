"""What Django does at one place, as a program of its own, for Django is configured once in a process.

It reads a JSON object with `host`, `port`, `user`, `password`, `schema`, `authority` (empty: no TLS) and
`driver` from its standard input, and writes what it saw as JSON.
"""

import datetime as dt
import io
import json
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
APPLICATION = "tests.drivers.python.library"
WRITTEN = dt.datetime(2024, 2, 29, 12, 34, 56, 789, tzinfo=dt.UTC)
KEEP = 600
"""Seconds for which Django keeps a connection."""


def configure(place: dict[str, Any]) -> None:
    """Django's settings."""
    import django
    from django.conf import settings

    options: dict[str, Any] = {"charset": "utf8mb4", "isolation_level": "read committed"}
    if place["authority"] and place["driver"] == "mysqlclient":
        options |= {"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": place["authority"]}}
    elif place["authority"]:
        options["ssl"] = {"ca": place["authority"]}
    database = {
        "ENGINE": "django.db.backends.mysql",
        "NAME": place["schema"],
        "USER": place["user"],
        "PASSWORD": place["password"],
        "HOST": place["host"],
        "PORT": str(place["port"]),
        "CONN_MAX_AGE": KEEP,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=[APPLICATION],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="none",
    )
    django.setup()


def migrate() -> object:
    """Make the tables by migrations, back and forth."""
    from django.core.management import call_command
    from django.db import connection

    output = io.StringIO()
    call_command("migrate", "library", "zero", verbosity=1, stdout=output)
    call_command("migrate", "library", verbosity=1, stdout=output)
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        columns = connection.introspection.get_table_description(cursor, "library_book")
        constraints = connection.introspection.get_constraints(cursor, "library_book")
    named = sorted(str(sorted(each["columns"])) for each in constraints.values())
    return [name for name in tables if name.startswith("library")], [each.name for each in columns], named


def write_and_read() -> object:
    """Objects there and back, with everything the models have."""
    from django.db.models import Count, F, Sum

    from tests.drivers.python.library.models import Author, Book

    jurgen = Author.objects.create(name="Jürgen 😀", born=dt.date(1950, 1, 2), details={"a": [1, None, "ü"]})
    ada = Author.objects.create(name="Ada")
    Book.objects.bulk_create(
        Book(author=ada, title=f"b{n}", price=Decimal(n) / 4, written=WRITTEN, cover=bytes(range(256)))
        for n in range(30)
    )
    took = dt.timedelta(days=3, microseconds=5)
    one = Book.objects.create(author=jurgen, title="😀" * 5000, price="1.50", written=WRITTEN, took=took)
    again = Book.objects.select_related("author").get(key=one.key)
    assert (again.title, again.took, again.author.details) == ("😀" * 5000, took, {"a": [1, None, "ü"]})
    assert (again.written, again.is_lent, again.cover) == (WRITTEN, False, None)
    assert bytes(Book.objects.filter(author=ada).earliest("id").cover) == bytes(range(256))
    assert Book.objects.filter(author=ada).update(price=F("price") + 1) == 30
    assert Author.objects.filter(details__a__0=1).count() == 1
    totals = Author.objects.annotate(n=Count("books"), sum=Sum("books__price")).order_by("name")
    seen = [(each.name, each.n, str(each.sum)) for each in totals]
    assert seen == [("Ada", 30, "138.75"), ("Jürgen 😀", 1, "1.50")]
    assert len(list(Book.objects.order_by("id").iterator(chunk_size=7))) == 31
    _, created = Author.objects.update_or_create(name="Ada", defaults={"born": dt.date(1815, 12, 10)})
    return seen, created, ada.pk, jurgen.pk


def in_transactions() -> object:
    """atomic: committed, rolled back, a savepoint inside, an integrity error, on_commit, locks."""
    from django.db import IntegrityError, connection, transaction

    from tests.drivers.python.library.models import Author

    told: list[str] = []
    with transaction.atomic():
        Author.objects.create(name="Grace")
        transaction.on_commit(lambda: told.append("committed"))
        text = ""
        try:
            with transaction.atomic():
                Author.objects.create(name="Ada")
        except IntegrityError as error:
            text = str(error)
        assert Author.objects.select_for_update().filter(name="Grace").count() == 1
        assert told == []
    try:
        with transaction.atomic():
            Author.objects.create(name="gone")
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT @@transaction_isolation" if not connection.mysql_is_mariadb else "SELECT @@tx_isolation"
        )
        level = cursor.fetchone()[0]
    names = sorted(Author.objects.values_list("name", flat=True))
    assert names == ["Ada", "Grace", "Jürgen 😀"]
    return text, told, level


def over_requests() -> object:
    """Connections that outlive requests, also when the server has ended them in between; and threads."""
    from django.core.signals import request_finished, request_started
    from django.db import connection

    from tests.drivers.python.library.models import Author

    seen = []
    kept = connection.connection
    for _ in range(3):
        request_started.send(sender=None)
        seen.append(Author.objects.count())
        request_finished.send(sender=None)
        assert connection.connection is kept
    counts: list[int] = []

    def request() -> None:
        counts.append(Author.objects.count())
        connection.close()

    threads = [threading.Thread(target=request) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [3] * 5
    return seen


def main() -> None:
    """Run all, and leave no tables."""
    place = json.load(sys.stdin)
    if place["driver"] == "pymysql":
        import pymysql

        # Django asks for a version of mysqlclient.
        pymysql.version_info = (2, 2, 1, "final", 0)
        pymysql.install_as_MySQLdb()
    sys.path.insert(0, str(REPOSITORY))
    configure(place)
    from django.core.management import call_command
    from django.db import connection

    from tests.drivers.python.library.models import Author

    seen = [step() for step in (migrate, write_and_read, in_transactions, over_requests)]
    Author.objects.all().delete()
    call_command("migrate", "library", "zero", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE django_migrations")
    connection.close()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
