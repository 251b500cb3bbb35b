"""Images: tools that look at the pictures of a folder: a part enlarged, marks drawn on them, the text in them.

Pictures are read by Pillow, text by Tesseract where it is installed. A picture that unpacks to too much is refused
before it is unpacked.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from disputatio.errors import ToolError, require
from disputatio.tools.folder import MAX_FILE, Folder
from disputatio.tools.rendering import Attachment
from disputatio.tools.tool import Tool, tool

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 40_000_000
"""Of a picture that is opened."""
MAX_SIDE = 1600
"""Pixels of the longer side of a picture that is given back."""
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
SECONDS = 30.0


class Mark(BaseModel):
    """Something to be drawn."""

    kind: Literal["box", "line", "label"] = "box"
    left: int = Field(description="in pixels, from the left")
    top: int = Field(description="in pixels, from the top")
    right: int = Field(default=0, description="the other corner or end")
    bottom: int = Field(default=0, description="the other corner or end")
    text: str = Field(default="", max_length=100, description="of a label")
    colour: Literal["red", "green", "blue", "black", "white", "yellow"] = "red"


def images(folder: Path | str, *, name: str = "") -> list[Tool]:
    """The tools `view_image`, `draw_on_image` and, where Tesseract is installed, `read_image` of a folder.

    They read pictures below it and nothing else; see `disputatio.tools.folder`. What is drawn is given back and not
    written. Needs the extra `images`.

    Args:
        folder: The folder.
        name: Put before their names, with two underscores.

    Raises:
        StoreError: If there is no such folder.
        MissingExtraError: If the extra `images` is not installed.
    """
    require("PIL.Image", extra="images")
    inside = Folder(Path(folder))
    prefix = f"{name}__" if name else ""

    @tool(name=f"{prefix}view_image", access="read", timeout_s=SECONDS)
    def view_image(
        path: str, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0, zoom: float = 1.0
    ) -> list[str | Attachment]:
        """Look at a picture, or at a part of it, enlarged.

        Args:
            path: The file.
            left: Left edge of the part, in pixels.
            top: Upper edge.
            right: Right edge; 0 is that of the picture.
            bottom: Lower edge; 0 is that of the picture.
            zoom: By how much it is enlarged, from 0.1 to 10.
        """
        if not 0.1 <= zoom <= 10:
            raise ToolError("zoom is from 0.1 to 10")
        with _opened(inside, path) as image:
            width, height = image.size
            part = _part(image, (left, top, right or width, bottom or height))
            scale = min(zoom, MAX_SIDE / max(part.size))
            shown = part.resize((max(round(part.width * scale), 1), max(round(part.height * scale), 1)))
            return [f"{path}: {width} x {height} pixels, {image.mode}", _png(shown)]

    @tool(name=f"{prefix}draw_on_image", access="read", timeout_s=SECONDS)
    def draw_on_image(path: str, marks: list[Mark]) -> list[str | Attachment]:
        """Draw boxes, lines and labels on a copy of a picture.

        Args:
            path: The file.
            marks: What is drawn, at most 50.
        """
        if not 1 <= len(marks) <= 50:
            raise ToolError("1 to 50 marks can be drawn")
        with _opened(inside, path) as image:
            copy = _drawn(image.convert("RGB"), marks)
        copy.thumbnail((MAX_SIDE, MAX_SIDE))
        return [f"{path} with {len(marks)} marks", _png(copy)]

    made = [view_image, draw_on_image]
    program = shutil.which("tesseract")
    if program is None:
        return made

    @tool(name=f"{prefix}read_image", access="read", timeout_s=SECONDS + 5)
    def read_image(path: str, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0) -> str:
        """Read the text in a picture, or in a part of it.

        Args:
            path: The file.
            left: Left edge of the part, in pixels.
            top: Upper edge.
            right: Right edge; 0 is that of the picture.
            bottom: Lower edge; 0 is that of the picture.
        """
        with _opened(inside, path) as image:
            part = _part(image, (left, top, right or image.width, bottom or image.height)).convert("RGB")
        return _text_in(program, part, path)

    return [*made, read_image]


def _drawn(image: "Image", marks: list[Mark]) -> "Image":
    draw = require("PIL.ImageDraw", extra="images")
    pen, thickness = draw.Draw(image), max(image.width, image.height) // 400 + 1
    for mark in marks:
        corners = _within(image, mark)
        if mark.kind == "label":
            pen.text(corners[:2], mark.text, fill=mark.colour)
        elif mark.kind == "line":
            pen.line(corners, fill=mark.colour, width=thickness)
        else:
            pen.rectangle(_sorted(corners), outline=mark.colour, width=thickness)
    return image


def _text_in(program: str, image: "Image", path: str) -> str:
    image.thumbnail((4 * MAX_SIDE, 4 * MAX_SIDE))
    command, alone = [program, "-", "-", "--psm", "6"], {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            command, input=_png(image).content, capture_output=True, timeout=SECONDS, env=alone, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"the text of {path} could not be read within {SECONDS:g} s") from error
    if done.returncode:
        raise ToolError(f"the text of {path} could not be read")
    return done.stdout.decode("utf-8", "replace").strip() or "(no text was found)"


@contextmanager
def _opened(folder: Folder, path: str) -> Iterator["Image"]:
    pillow = require("PIL.Image", extra="images")
    with folder.opened(path) as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise ToolError(f"{path} has over {MAX_FILE:,} bytes, which is too much")
    try:
        with pillow.open(BytesIO(content), formats=FORMATS) as image:  # looks at the head of the file only
            if image.width * image.height > MAX_PIXELS:
                raise ToolError(f"{path} has {image.width} x {image.height} pixels, which is too much")
            image.load()
            yield image
    except (OSError, ValueError, SyntaxError, EOFError, pillow.DecompressionBombError, Warning) as error:
        raise ToolError(f"{path} cannot be read as a picture: {type(error).__name__}") from error


def _part(image: "Image", box: tuple[int, int, int, int]) -> "Image":
    left, top, right, bottom = box
    if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
        raise ToolError(f"no such part: the picture has {image.width} x {image.height} pixels")
    return image.crop(box)


def _within(image: "Image", mark: Mark) -> tuple[int, int, int, int]:
    """The corners of a mark; what is far outside is brought to the edge."""
    right, bottom = mark.right or mark.left, mark.bottom or mark.top
    across, down = ((-100, image.width + 100), (-100, image.height + 100))
    left, right = (min(max(one, across[0]), across[1]) for one in (mark.left, right))
    top, bottom = (min(max(one, down[0]), down[1]) for one in (mark.top, bottom))
    return left, top, right, bottom


def _sorted(corners: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = corners
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


def _png(image: "Image") -> Attachment:
    file = BytesIO()
    (image if image.mode in ("RGB", "RGBA", "L", "P", "1") else image.convert("RGB")).save(file, format="PNG")
    return Attachment("image/png", file.getvalue())
