"""How the page looks: by the settings, and readable by any of them."""

from typing import Final

from attrs import field, frozen

DARK, LIGHT = "#000000", "#ffffff"
_LINEAR: Final = 0.03928


@frozen(kw_only=True)
class Theme:
    """``title`` is the seller's name. ``accent`` is `#rrggbb`; ``logo`` an address of an image."""

    title: str = ""
    accent: str = "#1f4fd8"
    logo: str = ""
    on_accent: str = field(init=False)
    """The colour of text on the accent: whichever can be read better."""

    @on_accent.default
    def _readable(self) -> str:
        light = luminance(self.accent)
        return LIGHT if contrast(light, 1.0) >= contrast(light, luminance(DARK)) else DARK

    @property
    def css(self) -> str:
        """Give the variables that the style sheet uses."""
        return f":root{{--accent:{self.accent};--on-accent:{self.on_accent}}}\n"


def luminance(colour: str) -> float:
    """Give the relative luminance of a colour (WCAG 2.2)."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    """Give the contrast of two luminances, from 1 to 21."""
    dark, light = sorted((one, other))
    return (light + 0.05) / (dark + 0.05)


def _linear(share: float) -> float:
    return share / 12.92 if share <= _LINEAR else float(((share + 0.055) / 1.055) ** 2.4)
