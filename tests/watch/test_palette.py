"""The colours of loss: told apart by eyes of every kind, in either light, and read on."""

from __future__ import annotations

import math
import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest

import udpecho.watch

Colour = tuple[float, float, float]

CLASSES = ("calm", "l1", "l2", "l3", "l4", "l5")
"""What loses nothing, and the classes of loss."""

ON = {"calm": "ink", "l1": "ink", "l2": "on2", "l3": "pale", "l4": "pale", "l5": "pale"}
"""What is written on each."""

LEAST_CONTRAST = 4.5
"""Of text (WCAG 2, 1.4.3)."""

LEAST_DISTANCE = 10.0
"""Of two colours in CIELAB: 2 can just be told apart side by side."""

EYES: dict[str, tuple[Colour, Colour, Colour] | None] = {
    "usual": None,
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
    "achromatopsia": ((0.2126, 0.7152, 0.0722),) * 3,
}  # fmt: skip
"""What they make of linear red, green and blue (Machado, Oliveira and Fernandes, 2009)."""


def palettes() -> dict[str, dict[str, Colour]]:
    """Give each light's colours by name, in linear light."""
    css = (Path(udpecho.watch.__file__).parent / "pages" / "watch.css").read_text("utf-8")
    light, dark = (
        {name: linear(value) for name, value in re.findall(r"--(\w+): #(\w{3,6})\b", block)}
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    )
    return {"light": light, "dark": light | dark}


def linear(digits: str) -> Colour:
    whole = digits if len(digits) == 6 else "".join(2 * each for each in digits)
    values = (int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in values
    )
    return red, green, blue


def luminance(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def contrast(one: Colour, other: Colour) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def seen(colour: Colour, eyes: str) -> Colour:
    """Give what eyes make of a colour, in CIELAB."""
    rows = EYES[eyes]
    if rows is not None:
        sums = (sum(a * b for a, b in zip(row, colour, strict=True)) for row in rows)
        red, green, blue = (min(max(each, 0.0), 1.0) for each in sums)
        colour = red, green, blue
    x = (0.4124 * colour[0] + 0.3576 * colour[1] + 0.1805 * colour[2]) / 0.9505
    z = (0.0193 * colour[0] + 0.1192 * colour[1] + 0.9505 * colour[2]) / 1.089
    fx, fy, fz = (
        each ** (1 / 3) if each > 0.008856 else 7.787 * each + 16 / 116
        for each in (x, luminance(colour), z)
    )
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("light", ["light", "dark"])
@pytest.mark.parametrize("eyes", EYES)
def test_classes_of_loss_are_told_apart(light: str, eyes: str) -> None:
    colours = {name: seen(palettes()[light][name], eyes) for name in CLASSES}
    for one, other in combinations(CLASSES, 2):
        assert math.dist(colours[one], colours[other]) >= LEAST_DISTANCE, (one, other)


@pytest.mark.parametrize("light", ["light", "dark"])
def test_more_loss_is_further_from_the_paper_and_what_is_written_on_it_is_read(light: str) -> None:
    palette = palettes()[light]
    for less, more in pairwise(CLASSES):
        paper = palette["paper"]
        assert contrast(palette[less], paper) < contrast(palette[more], paper)
    for name, ink in ON.items():
        assert contrast(palette[name], palette[ink]) >= LEAST_CONTRAST, name
    for ink in ("ink", "faint"):
        assert contrast(palette[ink], palette["paper"]) >= LEAST_CONTRAST
