"""The runbooks that alerts link to, served by the exporter so that the links work from the first minute."""

from pathlib import Path

from exporter.sources import alerts_folder


class Runbooks:
    """Texts in Markdown, by the alert's name."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or alerts_folder() / "runbooks"
        self._files = {file.stem: file for file in folder.glob("*.md")}

    def get(self, name: str) -> str | None:
        """The runbook of an alert; None when there is none."""
        file = self._files.get(name)
        return None if file is None else file.read_text(encoding="utf-8")
