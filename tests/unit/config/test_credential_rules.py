"""Rules about secrets, users and tokens: each is broken once, and kept once."""

import pytest

from proxy.config import ConfigError, iam_region, iam_resource_id, loads

TARGET = '[[target_group.targets]]\nhost = "db"\n'
PLAIN_TARGET = TARGET + 'tls = "off"\n'
TLS = 'tls_certificate = "c"\ntls_private_key = "k"\n'
SECRETS = 'secrets_file = "s"\n'
END_TO_END = 'default_auth_scheme = "IAM_AUTH"\n'
MONITOR = '[target_group]\nmonitor_user_name = "watch"\n'


def proxy(*lines: str) -> str:
    return "\n".join(["[proxy]", *lines, ""])


def auth(*lines: str, secret: str = "a") -> str:
    return "\n".join(["[[proxy.auth]]", f'secret_arn = "{secret}"', *lines, ""])


def iam(*lines: str, ways: str = '["key_store"]') -> str:
    return "\n".join(["[proxy.iam]", f"token_verification = {ways}", *lines, ""])


REQUIRED = auth('iam_auth = "REQUIRED"')
KEYS = 'key_store_file = "keys"'
KEYS_SECRET = 'key_store_secret = "env:KEYS"'
NAMES = 'endpoint_names = ["db.example.com"]'
REGION = 'region = "eu-central-1"'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            auth(secret="env:SECRET") + auth(secret="b") + TARGET,
            "proxy.secrets_file: is needed with proxy.auth[1], whose secret is neither in AWS nor env:NAME",
        ),
        (
            proxy(SECRETS) + REQUIRED + iam(KEYS, NAMES, REGION) + TARGET,
            'proxy.auth[0].iam_auth: "REQUIRED" needs proxy.tls_certificate and proxy.tls_private_key',
        ),
        (
            proxy(END_TO_END) + iam(KEYS, NAMES, REGION) + MONITOR + TARGET,
            'proxy.default_auth_scheme: "IAM_AUTH" needs tls_certificate and tls_private_key',
        ),
        (
            proxy(SECRETS, TLS) + REQUIRED + iam(ways="[]") + TARGET,
            "proxy.iam.token_verification: must name a way, as tokens are used",
        ),
        (
            proxy(SECRETS, TLS) + REQUIRED + iam(NAMES, REGION) + TARGET,
            'proxy.iam.key_store_file: or key_store_secret is needed with token_verification "key_store"',
        ),
        (
            proxy(SECRETS, TLS) + REQUIRED + iam(NAMES, REGION, ways='["sts"]') + TARGET,
            'proxy.iam.sts_policies: is needed with token_verification "sts"',
        ),
        (
            iam(KEYS, KEYS_SECRET) + TARGET,
            "proxy.iam.key_store_secret: cannot be used beside key_store_file",
        ),
        (
            proxy(SECRETS, TLS) + REQUIRED + iam(KEYS, REGION) + TARGET,
            "proxy.iam.endpoint_names: is needed to verify tokens: the names that clients use",
        ),
        (
            proxy(SECRETS, TLS) + REQUIRED + iam(KEYS, NAMES) + TARGET,
            "proxy.iam.region: is needed to verify tokens, here or as proxy.aws.region",
        ),
        (
            proxy(SECRETS, TLS) + REQUIRED + iam(ways='["target"]') + PLAIN_TARGET,
            'target_group.targets[0].tls: "off" cannot be used with IAM tokens',
        ),
        (
            proxy(END_TO_END, TLS) + iam(KEYS, NAMES, REGION) + MONITOR + PLAIN_TARGET,
            'target_group.targets[0].tls: "off" cannot be used with IAM tokens',
        ),
        (
            proxy(END_TO_END, TLS) + iam(KEYS, NAMES, REGION) + TARGET,
            'target_group.monitor_user_name: is needed with default_auth_scheme "IAM_AUTH" and no user of '
            "proxy.auth",
        ),
        (
            proxy('pass_through_users = "password"') + TARGET,
            'proxy.pass_through_users: "password" needs tls_certificate and tls_private_key',
        ),
        (
            proxy(TLS, 'pass_through_users = "password"') + TARGET,
            'proxy.pass_through_users: "password" needs a user of proxy.auth as whom the targets are probed',
        ),
        (
            proxy('auth_query = "SELECT a FROM u WHERE n = ?"') + TARGET,
            "proxy.auth_query: needs a user of proxy.auth who runs it",
        ),
        (
            proxy(SECRETS, 'auth_query_user_name = "asker"') + auth('user_name = "app"') + TARGET,
            'proxy.auth_query_user_name: "asker" is no user of proxy.auth',
        ),
        (
            proxy("failed_login_delay = 9") + TARGET,
            "proxy.failed_login_delay: 9 is above failed_login_max_delay, 8",
        ),
    ],
)
def test_a_broken_rule_is_the_only_problem(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text)
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    "text",
    [
        auth(secret="env:SECRET") + TARGET,
        auth(secret="arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-AbCdEf") + TARGET,
        auth(secret="arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:app-AbCdEf") + TARGET,
        proxy(SECRETS, TLS) + REQUIRED + iam(KEYS, NAMES, REGION) + PLAIN_TARGET,
        proxy(SECRETS, TLS) + REQUIRED + f"[proxy.aws]\n{REGION}\n" + iam(KEYS, NAMES) + TARGET,
        proxy(SECRETS, TLS) + REQUIRED + iam(KEYS_SECRET, NAMES, REGION) + TARGET,
        proxy(SECRETS, TLS) + REQUIRED + iam(ways='["target"]') + TARGET,
        proxy(END_TO_END, TLS) + iam(KEYS, NAMES, REGION) + MONITOR + TARGET,
        proxy(END_TO_END, SECRETS, TLS) + auth('user_name = "app"') + iam(KEYS, NAMES, REGION) + TARGET,
        proxy(SECRETS, TLS, 'pass_through_users = "password"') + auth() + TARGET,
        proxy(SECRETS, 'auth_query = "SELECT a FROM u WHERE n = ?"') + auth() + TARGET,
        proxy("failed_login_delay = 0", "failed_login_max_delay = 0") + TARGET,
        iam(ways="[]") + TARGET,
    ],
)
def test_a_kept_rule_is_no_problem(text: str) -> None:
    loads(text)


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ('[proxy]\nauth_query = "SELECT 1"', False),
        ('[proxy]\nauth_query = "SELECT ?, ?"', False),
        ('[[proxy.auth]]\nsecret_arn = "env:"', False),
        ('[[proxy.auth]]\nsecret_arn = "env:A B"', False),
        ('[proxy.iam]\nkey_store_secret = "keys"', False),
        ('[proxy.iam]\nkey_store_secret = "env:"', False),
        ('[proxy.iam]\nkey_store_secret = "arn:aws:secretsmanager:eu-west-1:1:secret:k"', True),
        ('[proxy.iam]\naccount_id = "12345678901"', False),
        ('[proxy.iam]\nresource_id = "db-1"', False),
        ('[proxy.iam]\nresource_id = "prx-0123456789abcdef0"', True),
        ('[proxy.iam]\nregion = "Frankfurt"', False),
        ('[proxy.iam]\nendpoint_names = ["p", "p.example.com:3306", "192.0.2.1", "[::1]:3307"]', True),
        ('[proxy.iam]\nendpoint_names = ["p:0"]', False),
        ('[proxy.iam]\nendpoint_names = ["p:65536"]', False),
        ('[proxy.iam]\nendpoint_names = ["::1"]', False),
        ('[proxy.iam]\nendpoint_names = ["[p]"]', False),
        ('[proxy.iam]\nendpoint_names = ["https://p"]', False),
        ('[proxy.iam]\nendpoint_names = [""]', False),
        ('[proxy.iam]\ntoken_verification = ["guess"]', False),
        ('[proxy.iam]\nsts_hosts = ["sts.example.com/"]', False),
        ('[proxy.aws]\nendpoint_url = "ftp://aws"', False),
        ('[proxy.aws]\nendpoint_url = "http://127.0.0.1:5000"', True),
    ],
)
def test_the_form_of_values(line: str, allowed: bool) -> None:
    if allowed:
        loads(f"{line}\n{TARGET}")
        return
    with pytest.raises(ConfigError) as caught:
        loads(f"{line}\n{TARGET}")
    assert len(caught.value.problems) == 1


def test_a_mistaken_entry_asks_no_rule_about_tokens() -> None:
    with pytest.raises(ConfigError) as caught:
        loads(auth('iam_auth = "YES"') + TARGET)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["proxy.auth[0].iam_auth"]


def test_the_region_and_resource_of_policies() -> None:
    other = loads(f'[proxy]\nname = "shop"\n[proxy.aws]\nregion = "eu-west-1"\n{TARGET}').proxy
    assert (iam_region(other), iam_resource_id(other)) == ("eu-west-1", "prx-shop")
    named = iam(REGION, 'resource_id = "prx-1"')
    own = loads(f'[proxy.aws]\nregion = "eu-west-1"\n{named}{TARGET}').proxy
    assert (iam_region(own), iam_resource_id(own)) == ("eu-central-1", "prx-1")
