"""Settings of the notebook server that ``python -m book.lab`` starts, and of Binder's.

A kernel answers a moved slider with several small messages. Jupyter Server leaves Nagle's
algorithm on, so the second waits until the browser has acknowledged the first, which it puts
off for some 40 ms. This turns the algorithm off for the kernels' websockets.

The kernel of an .ipynb ends with its tab (labconfig/default_setting_overrides.json), and any ends
when no tab has been connected to it for half an hour: a small machine has no room for many.
"""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter Server's own connection, its messages sent at once (TCP_NODELAY)."""

    def connect(self):
        """Open the channels to the kernel as the parent does."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


c.ServerApp.kernel_websocket_connection_class = PromptConnection  # noqa: F821
c.MappingKernelManager.cull_idle_timeout = 1800  # seconds  # noqa: F821
c.MappingKernelManager.cull_interval = 60  # noqa: F821
