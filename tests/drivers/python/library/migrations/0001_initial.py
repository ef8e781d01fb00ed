"""The tables as they were at first: an author has a name, a book a title."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            "Author",
            (
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=50, unique=True)),
                ("born", models.DateField(null=True)),
            ),
        ),
        migrations.CreateModel(
            "Book",
            (
                ("id", models.BigAutoField(primary_key=True)),
                ("key", models.UUIDField(default=uuid.uuid4, unique=True)),
                (
                    "author",
                    models.ForeignKey(
                        "library.Author", on_delete=django.db.models.deletion.CASCADE, related_name="books"
                    ),
                ),
                ("title", models.CharField(max_length=100)),
                ("price", models.DecimalField(max_digits=10, decimal_places=2)),
                ("cover", models.BinaryField(null=True)),
                ("written", models.DateTimeField()),
            ),
        ),
    )
