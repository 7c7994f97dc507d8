"""Images of bytes are subtracted from each other, and the difference wraps around at 256.

## What it does

Reports squares, absolute values and norms of the difference of two images that are both of unsigned bytes: read by OpenCV or
Pillow, or scaled to 255 and cast to `uint8`.

## Why is this bad?

Bytes have no sign: 3 - 5 is 254, and numpy squares it modulo 256 as well. Errors of more than 15 grey levels come out
smaller than they are, so a mean squared error, a PSNR or an anomaly map is best where the pictures differ most.

## Example

```python
import cv2
import numpy as np


def psnr(first, second):
    error = np.mean((cv2.imread(first) - cv2.imread(second)) ** 2)
    return 10 * np.log10(255**2 / error)
```

## Use instead

```python
import cv2
import numpy as np


def psnr(first, second):
    error = np.mean((cv2.imread(first).astype(np.float64) - cv2.imread(second)) ** 2)
    return 10 * np.log10(255**2 / error)
```

## Known limits

Both images must be known to be of bytes.

## References

- https://numpy.org/doc/stable/user/basics.types.html#overflow-errors
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.inference.byte_images import wrapped_differences

RULE = Rule(
    code="AEL614",
    name="wrapping-difference",
    summary="images of bytes are subtracted, and the difference wraps around",
    severity=Severity.ERROR,
    triggers=(("uint8", "imread", "imdecode", "image.open", ".byte("),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each difference of bytes that is taken for a distance."""
    for one in wrapped_differences(program):
        message = (
            f"both images are unsigned bytes here, so the difference wraps around at 256 (3 - 5 is 254), and its {one.used} is no "
            "distance. Cast one of them to float first"
        )
        yield Finding(one.site, message, tuple(Note(site, "an image of bytes") for site in one.made))
