import json

import pytest

from deployer.health.kernel import Message, decode, encode


@pytest.mark.parametrize("framed", [True, False])
def test_a_message_comes_back_as_it_went(framed):
    data = encode("execute_request", {"code": "1"}, number="n1", framed=framed)
    assert decode(data) == Message("execute_request", "", {"code": "1"})


def test_frames_are_those_of_the_server():
    base = pytest.importorskip("jupyter_server.services.kernels.connection.base")
    channel, parts = base.deserialize_msg_from_ws_v1(encode("execute_request", {"code": "é"}, number="n", framed=True))
    assert channel == "shell"
    assert json.loads(parts[3]) == {"code": "é"}
    parts = [json.dumps(part).encode() for part in ({"msg_type": "status"}, {"msg_id": "n"}, {}, {"a": 1})]
    assert decode(base.serialize_msg_to_ws_v1(parts, "iopub")) == Message("status", "n", {"a": 1})


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"\x00" * 80, "{", "[]", "{}"])
def test_what_is_no_message_is_refused(data):
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode(data)
