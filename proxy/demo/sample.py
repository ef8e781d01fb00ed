"""The demo's sample data: a schema `shop` with customers and orders, and the two users who may see it."""

import random
import secrets
import string

import attrs

__all__ = ["SCHEMA", "Login", "new_logins", "sample_sql"]

SCHEMA = "shop"
CUSTOMER_COUNT = 200
ORDER_COUNT = 800
PASSWORD_LENGTH = 16
# No character that a shell, a URL or SQL would read as anything but itself.
PASSWORD_ALPHABET = string.ascii_letters + string.digits

READ_WRITE = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, CREATE TEMPORARY TABLES, LOCK TABLES"
)
READ_ONLY = "SELECT"

FIRST_NAMES = ("Ada", "Alan", "Barbara", "Dennis", "Edsger", "Frances", "Grace", "Jean", "Ken", "Radia")
LAST_NAMES = ("Arden", "Bell", "Castell", "Dorn", "Ekman", "Fischer", "Garcia", "Hill", "Ito", "Jansen")
CITIES = ("Amsterdam", "Bergen", "Cork", "Dresden", "Évora", "Florence", "Gdańsk", "Helsinki")
STATES = ("new", "paid", "shipped", "returned")

TABLES = f"""\
CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4;
USE {SCHEMA};
CREATE TABLE customers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(80) NOT NULL,
  email VARCHAR(120) NOT NULL UNIQUE,
  city VARCHAR(60) NOT NULL
) ENGINE = InnoDB;
CREATE TABLE orders (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id INT UNSIGNED NOT NULL,
  placed_at DATETIME NOT NULL,
  amount DECIMAL(10, 2) NOT NULL,
  state ENUM('new', 'paid', 'shipped', 'returned') NOT NULL,
  KEY (customer_id, placed_at),
  FOREIGN KEY (customer_id) REFERENCES customers (id)
) ENGINE = InnoDB;
"""


@attrs.frozen
class Login:
    """A database user of the demo."""

    username: str
    password: str = attrs.field(repr=False)
    privileges: str


def new_logins() -> tuple[Login, Login]:
    """Return the user `app`, who reads and writes, and `report`, who only reads, with new passwords."""
    return Login("app", _password(), READ_WRITE), Login("report", _password(), READ_ONLY)


def sample_sql(logins: tuple[Login, ...]) -> str:
    """Return the statements that make the schema, its rows (the same each time) and the users."""
    return "\n".join([TABLES, _customers(), _orders(), *(_user(login) for login in logins)])


def _password() -> str:
    return "".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(PASSWORD_LENGTH))


def _user(login: Login) -> str:
    return (
        f"CREATE USER '{login.username}'@'%' IDENTIFIED BY '{login.password}';\n"
        f"GRANT {login.privileges} ON {SCHEMA}.* TO '{login.username}'@'%';"
    )


def _customers() -> str:
    rows = []
    for number in range(1, CUSTOMER_COUNT + 1):
        first = FIRST_NAMES[number % len(FIRST_NAMES)]
        last = LAST_NAMES[number // len(FIRST_NAMES) % len(LAST_NAMES)]
        city = CITIES[number % len(CITIES)]
        rows.append(f"('{first} {last}', '{first.lower()}.{last.lower()}.{number}@example.com', '{city}')")
    return _insert("customers (name, email, city)", rows)


def _orders() -> str:
    dice = random.Random(SCHEMA)
    rows = []
    for _ in range(ORDER_COUNT):
        customer, cents = dice.randint(1, CUSTOMER_COUNT), dice.randint(199, 49_999)
        placed = f"2025-{dice.randint(1, 12):02}-{dice.randint(1, 28):02} {dice.randint(0, 23):02}:00:00"
        rows.append(f"({customer}, '{placed}', {cents / 100:.2f}, '{dice.choice(STATES)}')")
    return _insert("orders (customer_id, placed_at, amount, state)", rows)


def _insert(target: str, rows: list[str]) -> str:
    return f"INSERT INTO {target} VALUES\n" + ",\n".join(rows) + ";"
