"""Tables that have rows already are changed, and a migration runs code."""

from typing import Any

from django.db import migrations, models


def add_author(apps: Any, schema_editor: Any) -> None:
    """A row for the alterations to go over."""
    apps.get_model("library", "Author").objects.create(name="brief")


def remove_author(apps: Any, schema_editor: Any) -> None:
    """It is for the migration alone."""
    apps.get_model("library", "Author").objects.filter(name="brief").delete()


class Migration(migrations.Migration):
    dependencies = (("library", "0001_initial"),)
    operations = (
        migrations.RunPython(add_author, remove_author),
        migrations.AddField("Author", "details", models.JSONField(default=dict)),
        migrations.AlterField("Book", "title", models.TextField()),
        migrations.AddField("Book", "is_lent", models.BooleanField(default=False)),
        migrations.AddField("Book", "took", models.DurationField(null=True)),
        migrations.AddIndex("Book", models.Index(fields=["price"], name="by_price")),
        migrations.RunPython(remove_author, add_author),
    )
