"""Which drivers tests/drivers has, in users' words; a test compares the names with what is there."""

__all__ = ["DRIVERS"]

DRIVERS = [
    ("Command line", "`mariadb`, Oracle's `mysql`"),
    ("C", "MariaDB Connector/C, through its own test suite and the drivers built on it"),
    (
        "Python",
        "PyMySQL, mysqlclient, mysql-connector-python (pure and C), MariaDB Connector/Python, aiomysql,"
        " asyncmy, SQLAlchemy, Django",
    ),
    ("Node", "mysql2, mariadb"),
    ("Go", "go-sql-driver/mysql"),
    ("Java", "MariaDB Connector/J"),
    ("PHP", "mysqli, PDO"),
    ("Perl", "DBD::MariaDB"),
]
