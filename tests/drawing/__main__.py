"""Draw dashboards into a folder: `UID.png` on a desk, `UID-phone.png` on a telephone. Or pictures for the documentation."""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from exporter.bundle import Bundle, render
from exporter.demo.stack import COSTS
from tests.drawing.answers import Answers, MadeUp, Measured
from tests.drawing.page import page
from tests.tools import tool

DESK, TELEPHONE = 1440, 390
SMALL = 0.7
"""What a picture of the documentation is of the size on a screen: legible, and small enough to be kept with the sources."""


def draw(text: str, width: int, height: int, file: Path, scale: float = 1) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "page.html")
        source.write_text(text, encoding="utf-8")
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        options.append(f"--force-device-scale-factor={scale}")
        command = [str(tool("chromium")), *options, f"--window-size={width},{height}", f"--screenshot={file}", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.drawing", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("uid", nargs="*", help="the pages; all when none is given")
    parser.add_argument("--prometheus", help="take the figures from here, as http://127.0.0.1:9090; made up without it")
    parser.add_argument(
        "--recent", type=float, default=1800, help="seconds that a page shows which looks back a day, or as `short` says"
    )
    parser.add_argument("--short", type=float, default=1, help="days up to which a page shows `recent` seconds instead")
    parser.add_argument("--gallery", action="store_true", help="as for docs/pictures: small, and one picture of each page")
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in render(Bundle(costs=COSTS)).items():
        if path.suffix == ".json" and (not chosen.uid or path.stem in chosen.uid):
            dashboard = json.loads(text)
            answers: Answers = (
                Measured(chosen.prometheus, dashboard, chosen.recent, chosen.short) if chosen.prometheus else MadeUp()
            )
            if chosen.gallery:
                width = TELEPHONE if path.stem == "mobile" else DESK
                drawn, height = page(dashboard, width, answers)
                draw(drawn, width, height, folder / f"{path.stem}.webp", SMALL)
                continue
            for width, name in ((DESK, path.stem), (TELEPHONE, f"{path.stem}-phone")):
                drawn, height = page(dashboard, width, answers)
                draw(drawn, width, height, folder / f"{name}.png")


if __name__ == "__main__":
    main()
