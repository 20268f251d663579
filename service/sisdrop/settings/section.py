"""What all groups of keys have in common."""

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A group of keys: frozen, unknown keys refused, an empty group means its defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _empty_means_defaults(cls, raw: object) -> object:
        """A heading whose keys are all commented out is read from YAML as null."""
        return {} if raw is None else raw
