"""The fonts that the site carries, from npm: those of formulas, the face of the text, and the
theme's icons; of each, the characters that pages show."""

import hashlib
import logging
import re
import shutil
from pathlib import Path

from fontTools import subset

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table it leaves out

KATEX = "katex"
FACE = "@fontsource/source-serif-4"
SHEET = "serif.css"  # beside this file; it says where the face lies
FACE_FILE = re.compile(r'url\("serif/(.+?)"\)')


def npm_folder(app, package: str) -> Path:
    return Path(app.confdir, "node_modules", package)


def has_face(app) -> bool:
    """Whether the text has a face of its own; else the reader's system gives one."""
    return app.npm and npm_folder(app, FACE).is_dir()


def copy_fonts(app) -> None:
    """Put the fonts of formulas with their sheet, and the files of the face, onto the site."""
    static = Path(app.outdir) / "_static"
    if app.npm:
        source = npm_folder(app, KATEX) / "dist"
        style = (source / "katex.min.css").read_text(encoding="utf-8")
        style = re.sub(r',url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)', "", style)
        copy((source / "fonts").glob("*.woff2"), static / KATEX / "fonts")
        (static / KATEX / "katex.min.css").write_text(style, encoding="utf-8")
    if has_face(app):
        names = FACE_FILE.findall(Path(__file__).with_name(SHEET).read_text(encoding="utf-8"))
        copy((npm_folder(app, FACE) / "files" / name for name in names), static / "serif")


def copy(files, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copyfile(file, folder / file.name)


def cut_fonts(app) -> None:
    """Leave in the fonts the characters of the site's pages. book.js fetches some early."""
    for pattern in (f"{KATEX}/fonts", "serif"):
        for font in Path(app.outdir, "_static").glob(f"{pattern}/*.woff2"):
            cut_font(app, font, app.characters)


def cut_font(app, font: Path, characters: set[int]) -> None:
    """Keep the characters of those code points in a woff2 font; it may lack some of them. Cut fonts
    lie from build to build in a folder, by what they were made from."""
    kept = Path(app.doctreedir) / "fonts"
    made_from = font.read_bytes() + repr(sorted(characters)).encode()
    cut = kept / hashlib.sha256(made_from).hexdigest()
    if not cut.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        write_cut_font(font, characters, cut)
    shutil.copyfile(cut, font)


def write_cut_font(font: Path, characters: set[int], target: Path) -> None:
    options = subset.Options(flavor="woff2", layout_features=[], desubroutinize=True)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    with subset.load_font(str(font), options, lazy=False) as loaded:
        cutter.subset(loaded)
        subset.save_font(loaded, str(target), options)
