"""What the demo prints: calm lines that read the same with and without a terminal."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from sisdrop.demo.acts import Act
from sisdrop.demo.narrator import Line
from sisdrop.demo.stage import Stage
from sisdrop.inbox.names import share_name
from sisdrop.model import FileRow
from sisdrop.plain import visible
from sisdrop.terminal import console

_LABEL = 15


class Screen:
    """The terminal, and where the demo lies as seen from the current folder."""

    def __init__(self, stage: Stage) -> None:
        self._out = console()
        self._stage = stage

    def opening(self, port: int) -> None:
        """Where the three parts are."""
        self._title("sisdrop demo")
        self._say("A share, a server that stands in for Alma's, and the service between the two.")
        self._say(f"Everything in it is invented, and lies in {near(self._stage.folder)}.")
        self._say("")
        self._point("drop files into", near(self._stage.inbox))
        self._point("zips arrive in", near(self._stage.upload))
        self._point("status page", f"http://127.0.0.1:{port}/")

    def act(self, number: int, of: int, act: Act) -> None:
        """The title of one of the files."""
        self._say("")
        self._title(f"{number} of {of}  {act.title}")

    def lines(self, lines: Sequence[Line]) -> None:
        """What happened."""
        for line in lines:
            text = Text().append(f"  {line.at.astimezone():%H:%M:%S}  ", "dim")
            self._print(
                text.append(f"{visible(line.file)}  ").append(visible(line.text), line.style)
            )

    def late(self, act: Act) -> None:
        """A file takes longer than it should."""
        self._print(
            Text(
                f"  This takes longer than it should ({act.rests} was to come); the service's log"
                f" may say why: {near(self._stage.log)}",
                "red",
            )
        )

    def where_to_look(self, port: int, held: FileRow | None) -> None:
        """What a person can do now."""
        stage = self._stage
        self._say("")
        self._title("Now it is yours")
        self._point("drop a file", f"{near(stage.inbox)}  (*.xml)")
        self._point("status page", f"http://127.0.0.1:{port}/")
        self._point("on the share", near(stage.inbox / "STATUS.html"))
        self._point("reports", f"{near(stage.inbox / 'reports')}  (what was left out, and why)")
        self._point("on the server", f"{near(stage.upload)}  (.zip.old: Alma has fetched it)")
        self._point("archive", near(stage.data / "archive"))
        self._point("service's log", near(stage.log))
        self._point("all files", self._command("status"))
        if held is not None:
            self._say("")
            self._decide(held)
        self._say("")
        self._say("Ctrl-C ends the demo. Started again, it goes on with the same folders.")
        self._say("")

    def _decide(self, held: FileRow) -> None:
        folder = self._stage.inbox / "held"
        report = folder / share_name(held.name, held.id, ".report.html")
        file = folder / share_name(held.name, held.id)
        self._title("The held file waits for your decision")
        self._point("its report", near(report))
        approved = near(self._stage.inbox / "approved")
        self._point("send it", f"mv {near(file)} {approved}/")
        self._point("or", self._command("approve", held.id, "--reason", "I know why"))
        self._point("do not send it", f"rm {near(file)}")
        self._point("or", self._command("refuse", held.id, "--reason", "emails are missing"))

    def verdict(self, came_of_it: str, wrong: Sequence[str]) -> None:
        """Whether all went as it must."""
        self._say("")
        self._say(f"Outcomes: {came_of_it}.")
        if not wrong:
            self._print(Text("All went as it must.", "bold green"))
            return
        self._print(Text("Not all went as it must:", "bold red"))
        for difference in wrong:
            self._say(f"  {difference}")
        self._say(f"Everything is kept for a look: {near(self._stage.folder)}")

    def trouble(self, sentence: str) -> None:
        """Why the demo cannot go on."""
        self._print(Text(f"The demo cannot run: {sentence}", "bold red"))

    def closing(self) -> None:
        """The end, after Ctrl-C."""
        self._say("")
        self._say(f"The demo has ended; everything is still in {near(self._stage.folder)}.")

    def _command(self, *words: str) -> str:
        program = near(Path(sys.executable).with_name("sisdrop"))
        return f"{program} {shlex.join(words)} --config {near(self._stage.config)}"

    def _point(self, label: str, text: str) -> None:
        self._print(Text().append(f"  {label:<{_LABEL}}  ", "dim").append(text))

    def _title(self, text: str) -> None:
        self._print(Text(text, "bold"))

    def _say(self, text: str) -> None:
        self._print(Text(text))

    def _print(self, text: Text) -> None:
        """Never broken by us: paths and commands must survive being copied."""
        self._out.print(text, soft_wrap=True)


def near(path: Path) -> str:
    """A path as one would type it in the current folder."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
