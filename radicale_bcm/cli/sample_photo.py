# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn portraits for the sample contacts: a head with hair and a collar as a 96x96 PNG, from zlib and arithmetic
alone. For cli.sample only.
"""

import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from random import Random

MEDIA_TYPE = "image/png"
SIZE = 96
HAIR_STYLES = 6

Colour = tuple[int, int, int]
# How many of a pixel's sample points show which of the layers below: pairs of layer and count.
_Mixture = tuple[tuple[int, int], ...]

_BACKGROUND, _HAIR, _SHIRT, _SKIN, _INK = range(5)
_BACKGROUNDS: tuple[Colour, ...] = (
    (178, 216, 235), (205, 226, 196), (247, 220, 180), (232, 205, 225),
    (214, 214, 222), (190, 226, 220), (250, 210, 200),
)  # fmt: skip
_SHIRTS: tuple[Colour, ...] = ((44, 72, 112), (120, 40, 52), (52, 96, 76), (72, 72, 80), (236, 236, 240), (92, 64, 120))
_FAIR, _LIGHT, _TAN, _BROWN, _DARK = (250, 222, 200), (238, 198, 168), (214, 164, 128), (168, 116, 84), (112, 74, 54)
_BLACK, _CHESTNUT, _CHESTNUT_LIGHT, _BLOND, _GREY, _RED = (
    (40, 32, 30), (84, 56, 40), (140, 92, 52), (206, 164, 92), (150, 148, 150), (168, 74, 44),
)  # fmt: skip
# Skin and hair, from fair to dark, so that a country can name a range of them.
LOOKS: tuple[tuple[Colour, Colour], ...] = (
    (_FAIR, _BLOND), (_FAIR, _RED), (_FAIR, _CHESTNUT_LIGHT), (_LIGHT, _BLOND), (_LIGHT, _CHESTNUT), (_LIGHT, _GREY),
    (_FAIR, _BLACK), (_LIGHT, _BLACK), (_TAN, _CHESTNUT), (_TAN, _BLACK), (_TAN, _GREY), (_BROWN, _BLACK),
    (_BROWN, _CHESTNUT), (_DARK, _BLACK),
)  # fmt: skip
_INK_COLOUR: Colour = (44, 36, 36)


def portrait(rng: Random, *, long_hair: bool, looks: tuple[int, int] = (0, len(LOOKS))) -> bytes:
    """A portrait as PNG, drawn with the colours that `rng` picks; `looks` is the range of LOOKS it may take."""
    style = rng.randrange(HAIR_STYLES // 2) + (HAIR_STYLES // 2 if long_hair else 0)
    skin, hair = LOOKS[rng.randrange(*looks)]
    return _png(style, (rng.choice(_BACKGROUNDS), hair, rng.choice(_SHIRTS), skin, _INK_COLOUR))


@lru_cache(maxsize=4096)
def _png(style: int, layers: tuple[Colour, ...]) -> bytes:
    pixels, mixtures = _drawing(style)
    palette = b"".join(bytes(_mix(layers, mixture)) for mixture in mixtures)
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _mix(layers: tuple[Colour, ...], mixture: _Mixture) -> Colour:
    red = green = blue = total = 0
    for layer, count in mixture:
        colour = layers[layer]
        red += colour[0] * count
        green += colour[1] * count
        blue += colour[2] * count
        total += count
    return red // total, green // total, blue // total


@lru_cache(maxsize=HAIR_STYLES)
def _drawing(style: int) -> tuple[bytes, list[_Mixture]]:
    """The compressed pixels of a hair style and, for each palette index, the mixture of layers that it stands for.

    Colours are not part of it, so that each style is drawn once however many portraits are asked for.
    """
    layer_at = _layers(style)
    mixtures: dict[_Mixture, int] = {}
    rows = bytearray()
    corners = [[layer_at(float(x), float(y)) for x in range(SIZE + 1)] for y in range(SIZE + 1)]
    for y in range(SIZE):
        rows.append(0)  # the row's PNG filter: none
        for x in range(SIZE):
            shown = {corners[y][x], corners[y][x + 1], corners[y + 1][x], corners[y + 1][x + 1]}
            if len(shown) == 1:
                mixture: _Mixture = ((shown.pop(), 1),)
            else:
                points = [layer_at(x + step % 4 / 4 + 0.125, y + step // 4 / 4 + 0.125) for step in range(16)]
                mixture = tuple((layer, points.count(layer)) for layer in sorted(set(points)))
            rows.append(mixtures.setdefault(mixture, len(mixtures)))
    return zlib.compress(bytes(rows), 9), list(mixtures)


def _ellipse(x: float, y: float, centre: tuple[float, float], radius: tuple[float, float]) -> bool:
    return ((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2 < 1


def _layers(style: int) -> Callable[[float, float], int]:
    """A function from a point to the layer that shows there."""
    fringe = (27.0, 31.0, 35.0)[style % 3]
    is_long = style >= HAIR_STYLES // 2

    def face(x: float, y: float) -> int:
        dx = abs(x - 48)
        if _ellipse(dx, y, (7.0, 45.0), (2.2, 2.6)) or _smile(dx, y):
            return _INK
        return _HAIR if y < fringe - dx * dx / 60 * (-1 if style % 3 == 1 else 1) else _SKIN

    def layer_at(x: float, y: float) -> int:
        dx = abs(x - 48)
        if _ellipse(x, y, (48.0, 45.0), (17.0, 22.0)):
            return face(x, y)
        if dx < 7 and 60 < y < 74 - dx * 0.6:
            return _SKIN
        if _ellipse(x, y, (48.0, 102.0), (35.0, 33.0)):
            return _SHIRT
        hair = _ellipse(x, y, (48.0, 38.0), (20.5, 24.0)) and y < 46
        if is_long:
            hair = hair or (_ellipse(x, y, (48.0, 48.0), (24.0, 30.0 + style)) and y < 70 + style)
        return _HAIR if hair else _BACKGROUND

    return layer_at


def _smile(dx: float, y: float) -> bool:
    """A thin arc that is lowest in the middle."""
    return dx < 6.5 and abs(y - (57.5 - dx * dx / 16)) < 1.0
