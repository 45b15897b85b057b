"""Your adapter: the reader's own file, or the sample, in four figures."""

from pathlib import Path

SAMPLE = Path(__file__).parent / "data"
