# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins: bcrypt is paid once, and a changed or removed password counts at once."""

from pathlib import Path

import bcrypt
import pytest
from radicale import auth, config
from radicale.auth import AuthContext, BaseAuth

from radicale_bcm.server import logins


class Counter:
    """Counts how often bcrypt is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        original = bcrypt.checkpw

        def checkpw(*args: bytes, **kwargs: bytes) -> bool:
            self.count += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(bcrypt, "checkpw", checkpw)


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.write_text(f"alice:{hashed('one')}\nbob:{hashed('two')}\n")
    return path


@pytest.fixture
def checked(users: Path) -> BaseAuth:
    configuration = config.load()
    settings = {
        "type": "htpasswd",
        "htpasswd_filename": str(users),
        "htpasswd_encryption": "bcrypt",
        "cache_logins": "True",
        "cache_successful_logins_expiry": "3600",
        "cache_failed_logins_expiry": "3600",
    }
    configuration.update({"auth": settings}, "test")
    made = auth.load(configuration)
    logins.remember(made)
    return made


def login(checked: BaseAuth, name: str, password: str) -> str:
    user, _, _ = checked.login(name, password, AuthContext())
    return user


def test_bcrypt_is_paid_once_for_a_right_and_for_a_wrong_password(checked, monkeypatch):
    counter = Counter(monkeypatch)
    for _ in range(5):
        assert login(checked, "alice", "one") == "alice"
        assert login(checked, "alice", "wrong") == ""
    assert counter.count == 2


def test_a_changed_password_counts_at_once_also_one_that_was_wrong_before(checked, users):
    assert login(checked, "alice", "one") == "alice"
    assert login(checked, "alice", "three") == ""
    users.write_text(users.read_text().replace(users.read_text().split("\n")[0], f"alice:{hashed('three')}"))
    assert login(checked, "alice", "one") == ""
    assert login(checked, "alice", "three") == "alice"
    assert login(checked, "bob", "two") == "bob"


def test_a_removed_account_is_out_at_once(checked, users):
    assert login(checked, "bob", "two") == "bob"
    users.write_text(users.read_text().split("\n")[0] + "\n")
    assert login(checked, "bob", "two") == ""


def test_one_persons_password_does_not_open_another_ones_account(checked):
    assert login(checked, "alice", "one") == "alice"
    assert login(checked, "bob", "one") == ""


def test_what_is_remembered_is_bounded(checked, monkeypatch):
    monkeypatch.setattr(logins, "REMEMBERED", 2)
    counter = Counter(monkeypatch)
    for name in ("one", "a", "b", "c", "one"):
        login(checked, "alice", name)
    assert counter.count == 5
