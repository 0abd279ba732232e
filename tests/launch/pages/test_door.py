"""Who may come in: by which names a server is called, and with which token."""

import socket

import pytest

from tintmill.launch.pages.door import make_door
from tintmill.pipeline.common.errors import TintmillError


def test_other_machines_need_a_token_that_nobody_can_guess():
    tokens = {make_door("0.0.0.0", (), None).token for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 20


def test_this_machine_needs_none_unless_one_is_given():
    assert make_door("127.0.0.1", (), None).token == ""
    assert make_door("127.0.0.1", (), "a-token-of-a-person").token == "a-token-of-a-person"


def test_no_token_must_be_asked_for_by_name():
    assert make_door("0.0.0.0", (), "none").token == ""
    for token in ("", "short", "with spaces in between", "&token=evil&more=more", "x" * 201):
        with pytest.raises(TintmillError, match=r"--token has \d+ characters; wanted 16 to 200"):
            make_door("0.0.0.0", (), token)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_server_of_this_machine_answers_to_its_names_alone(host):
    door = make_door(host, (), None)
    assert all(door.knows(name) for name in ("127.0.0.1", "127.1.2.3", "::1", "localhost"))
    others = ("evil.example", "127.0.0.1.evil.example", "192.168.1.5", socket.gethostname(), "", None)
    assert not any(door.knows(name) for name in others)


def test_a_server_for_others_answers_to_addresses_to_its_own_name_and_to_those_allowed():
    door = make_door("0.0.0.0", ("Photos.Example.",), None)
    own = socket.gethostname()
    for name in ("127.0.0.1", "192.168.1.5", "fe80::1", own, own.upper(), "photos.example", "photos.example."):
        assert door.knows(name), name
    for name in ("evil.example", "photos.example.evil.example", "192.168.1.5.evil.example", "", None):
        assert not door.knows(name), name
