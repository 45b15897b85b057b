"""Chromium, and the built site served to it: for the book's pictures and for the tests. Imports the
standard library only."""

import gzip
import os
import shutil
import sys
import threading
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

HTML = Path(os.environ.get("BOOK_HTML") or Path(__file__).parents[1] / "_build" / "html")
# Where the site's own host will serve it: 404.html asks for its files below that path.
ROOT = urlsplit(os.environ.get("LORA_EDU_SITE", "")).path.rstrip("/")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         # A request to another machine fails. (A route would also do without the browser's cache.)
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


def executable() -> str | None:
    """The browser that CHROMIUM names, or else the system's Chromium; its headless shell is
    preferred, for a window of its own costs as much as a page."""
    return (os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell")
            or shutil.which("chromium"))


def launch(playwright):
    """That browser: headless, asking nobody anything."""
    return playwright.chromium.launch(executable_path=executable(), args=FLAGS)


@cache
def gzipped(file: Path, changed: int) -> bytes:
    """A file as it is sent; ``changed``: when it was last written."""
    return gzip.compress(file.read_bytes(), compresslevel=6)


class Host(SimpleHTTPRequestHandler):
    """Serves text compressed, as a host of static pages does, and says nothing."""

    protocol_version = "HTTP/1.1"

    def translate_path(self, path):
        below = path.removeprefix(ROOT) if path.startswith(f"{ROOT}/") else path
        return super().translate_path(below)

    def do_GET(self):
        file = Path(self.translate_path(self.path))
        if not file.is_file() or file.suffix not in (".html", ".js", ".css", ".svg", ".ipynb"):
            super().do_GET()
            return
        body = gzipped(file, file.stat().st_mtime_ns)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    """Says nothing of a browser that has left."""

    request_queue_size = 128  # of the usual 5, a busy machine loses some, and their pages hang

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def served(folder: Path):
    """Serve a folder on a free port of this machine; yields its address, ending in a slash."""
    with Server(("127.0.0.1", 0), partial(Host, directory=folder)) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
