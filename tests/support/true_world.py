"""A world in which files are really read, with the built-in schema and rules."""

from typing_extensions import override

from sisdrop.build import build_refiner, prepare_data
from support.world import World


class TrueWorld(World):
    """A world without a stand-in for the reader."""

    @override
    def begin(self) -> None:
        prepare_data(self.data)
        self.reader = build_refiner(self.settings, self.clock)  # type: ignore[assignment]
        super().begin()
