"""An AWS Lambda function that asks a database through rds-proxy, with a fresh IAM token for each connection.

Environment: PROXY_HOST, PROXY_PORT, DB_USER, DB_NAME, and CA_FILE, which holds the authority of the proxy's
certificate. The function's role signs the token; its policy allows rds-db:connect as DB_USER.
"""

import os

import boto3
import pymysql

HOST = os.environ["PROXY_HOST"]
PORT = int(os.environ.get("PROXY_PORT", "3306"))
USER = os.environ["DB_USER"]

rds = boto3.client("rds")

# One connection for each execution environment: it stays open between invocations. In the proxy it costs
# a few kilobytes; a database connection is borrowed only while a statement or transaction runs.
connection = None


def connect():
    """Log in with a new token: one is good for 15 minutes, the connection for a day."""
    token = rds.generate_db_auth_token(DBHostname=HOST, Port=PORT, DBUsername=USER)
    return pymysql.connect(
        host=HOST,
        port=PORT,
        user=USER,
        password=token,
        database=os.environ["DB_NAME"],
        ssl_ca=os.environ["CA_FILE"],
        ssl_verify_cert=True,
        ssl_verify_identity=True,
        connect_timeout=5,
        autocommit=True,
    )


def connected():
    """The environment's connection, a new one where the old one is gone."""
    global connection
    if connection is not None:
        try:
            # Answered by the proxy itself. While Lambda has an environment frozen, the proxy may have closed
            # its connection for being idle.
            connection.ping(reconnect=False)
        except pymysql.MySQLError:
            connection = None
    if connection is None:
        connection = connect()
    return connection


def handler(event, context):
    """Add an order and tell how many its customer has by now."""
    database = connected()
    database.begin()
    try:
        with database.cursor() as cursor:
            cursor.execute("INSERT INTO orders (customer) VALUES (%s)", (event["customer"],))
            order = cursor.lastrowid
            cursor.execute("SELECT COUNT(*) FROM orders WHERE customer = %s", (event["customer"],))
            (orders,) = cursor.fetchone()
        database.commit()
    except BaseException:
        # The next invocation must not find an open transaction.
        database.close()
        raise
    return {"order": order, "orders": orders}
