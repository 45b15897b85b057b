"""The notebook server's own settings, as `make lab` and these tests start it."""

from contextlib import suppress
from types import SimpleNamespace

from traitlets.config.loader import PyFileConfigLoader

from tests.lab.driver import OURS


def test_kernel_messages_are_not_held_back():
    """Without it every step of a slider waits 40 ms for an acknowledgement."""
    config = PyFileConfigLoader("jupyter_server_config.py", path=str(OURS)).load_config()
    connection_class = config.ServerApp.kernel_websocket_connection_class
    told = []
    handler = SimpleNamespace(set_nodelay=told.append)
    with suppress(TypeError):  # the parent refuses the stand-in, after ours has spoken
        connection_class.connect(SimpleNamespace(websocket_handler=handler))
    assert told == [True]
