from proxy.demo.sample import new_logins, sample_sql


def test_passwords_are_new_each_time_and_need_no_quoting() -> None:
    passwords = [login.password for _ in range(2) for login in new_logins()]
    assert len(set(passwords)) == 4
    assert all(password.isalnum() and len(password) >= 16 for password in passwords)


def test_the_rows_are_the_same_each_time() -> None:
    assert sample_sql(()) == sample_sql(())


def test_repr_keeps_the_password() -> None:
    login, _ = new_logins()
    assert login.password not in repr(login)
