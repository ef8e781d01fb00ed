"""A Django site under load, as a program: each client is a thread of its server, with its own connection.

Beside what `crowd` wants the task names the `driver`, and with `keep` the connections outlive a request
(CONN_MAX_AGE); else Django connects anew for each, which is its default. All other settings are Django's own.
"""

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from tests.drivers.python.crowd import meet, refused_duplicate, task_given  # noqa: E402

APPLICATION = "tests.drivers.python.library"
REQUESTS = 2
WRITTEN = dt.datetime(2024, 2, 29, 12, 34, 56, 789, tzinfo=dt.UTC)
BOOKS = 12
KEEP = 600
"""Seconds for which Django keeps a connection, if it does."""


def configure(task: dict[str, Any]) -> None:
    """The settings, and the tables by migrations."""
    if task["driver"] == "pymysql":
        import pymysql

        # Django asks for a version of mysqlclient.
        pymysql.version_info = (2, 2, 1, "final", 0)
        pymysql.install_as_MySQLdb()
    import django
    from django.conf import settings
    from django.core.management import call_command

    database = {"ENGINE": "django.db.backends.mysql", "NAME": task["schema"], "USER": task["user"]}
    database |= {"PASSWORD": task["password"], "HOST": task["host"], "PORT": str(task["port"])}
    kept = {"CONN_MAX_AGE": KEEP, "CONN_HEALTH_CHECKS": True} if task["keep"] else {}
    settings.configure(
        DATABASES={"default": {**database, **kept}},
        INSTALLED_APPS=[APPLICATION],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="none",
    )
    django.setup()
    call_command("migrate", verbosity=0)


def request(number: int, turn: int) -> None:
    """One request of a client: objects made and found again, a duplicate, a change, a rollback."""
    from django.db import IntegrityError, connection, transaction
    from django.db.models import F, Sum

    from tests.drivers.python.library.models import Author, Book

    name = f"client {number}"
    author, created = Author.objects.get_or_create(name=name, defaults={"details": {"number": number}})
    assert created == (turn == 0)
    with transaction.atomic():
        book = Book.objects.create(author=author, title=f"{name} 😀", price=number, written=WRITTEN)
        with refused_duplicate(IntegrityError), transaction.atomic():
            Author.objects.create(name=name)
        locked = Book.objects.select_for_update().get(pk=book.pk)
        assert (locked.title, locked.author_id) == (f"{name} 😀", author.pk)
    Book.objects.bulk_create(
        Book(author=author, title=f"{turn}", price=1, written=WRITTEN) for _ in range(BOOKS)
    )
    mine = Book.objects.filter(author=author)
    assert mine.filter(title=f"{turn}").update(price=F("price") + number) == BOOKS
    assert {each.author_id for each in mine.iterator(chunk_size=5)} == {author.pk}
    total = number + BOOKS * Decimal(number + 1)
    assert mine.aggregate(total=Sum("price"))["total"] == (turn + 1) * total
    try:
        with transaction.atomic():
            mine.delete()
            raise ZeroDivisionError
    except ZeroDivisionError:
        assert mine.count() == (turn + 1) * (BOOKS + 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT details FROM library_author WHERE id = %s", [author.pk])
        assert cursor.fetchone() == (f'{{"number": {number}}}',)


@contextmanager
def visit(number: int) -> Iterator[None]:
    """A thread that serves one request after the other."""
    from django.core.signals import request_finished, request_started
    from django.db import connection

    for turn in range(REQUESTS):
        request_started.send(sender=None)
        request(number, turn)
        request_finished.send(sender=None)
    yield
    connection.close()


def main() -> int:
    """Run it, and leave no tables."""
    task = task_given()
    configure(task)
    from django.core.management import call_command
    from django.db import connection

    from tests.drivers.python.library.models import Author

    connection.close()
    status = meet(task["clients"], visit)
    Author.objects.all().delete()
    call_command("migrate", "library", "zero", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE django_migrations")
    return status


if __name__ == "__main__":
    sys.exit(main())
