"""Settings of the notebook server that ``make lab`` starts: answer a slider without delay.

A kernel answers a moved slider with several small messages. Jupyter Server leaves Nagle's
algorithm on, so the second waits until the browser has acknowledged the first, which it puts
off for some 40 ms. This turns the algorithm off for the kernels' websockets.
"""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter Server's own connection, its messages sent at once (TCP_NODELAY)."""

    def connect(self):
        """Open the channels to the kernel as the parent does."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


c.ServerApp.kernel_websocket_connection_class = PromptConnection  # noqa: F821
