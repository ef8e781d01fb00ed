"""Two models, with fields of the kinds that Django sends in ways of its own."""

import uuid

from django.db import models

__all__ = ["Author", "Book"]


class Author(models.Model):
    """One who writes books."""

    name = models.CharField(max_length=50, unique=True)
    born = models.DateField(null=True)
    details = models.JSONField(default=dict)

    class Meta:
        app_label = "library"


class Book(models.Model):
    """What an author wrote."""

    key = models.UUIDField(default=uuid.uuid4, unique=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    title = models.TextField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    is_lent = models.BooleanField(default=False)
    cover = models.BinaryField(null=True)
    written = models.DateTimeField()
    took = models.DurationField(null=True)

    class Meta:
        app_label = "library"
        indexes = (models.Index(fields=["price"], name="by_price"),)
