"""What every table of the file has in common, and the one that stands for a secret."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from daemon.config.scalars import fault
from daemon.config.secret import check_reference

REFERENCE_HINT = 'write { env = "NAME" }, { file = "path" } or { credential = "name" }'


class Table(BaseModel):
    """What every table of the file has in common: nothing is converted, nothing unknown is let pass."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        defer_build=True,  # a file pays only for the rule types that it uses
    )


def written(default: object, description: str, *examples: object) -> Any:  # noqa: ANN401  what Field gives
    """A key whose default stands here as it would in the file, and is read like it."""
    return Field(default=default, validate_default=True, description=description, examples=list(examples))


class SecretReference(Table):
    """Where a secret is: exactly one of an environment variable, a file, a systemd credential."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    env: str | None = Field(
        default=None,
        description="Name of an environment variable.",
        examples=["BINANCE_KEY"],
    )
    file: str | None = Field(
        default=None,
        description="A file that holds nothing else; a relative path starts at the main file's folder.",
        examples=["secrets/binance-key"],
    )
    credential: str | None = Field(
        default=None,
        description="Name of a systemd credential (LoadCredential=), found in $CREDENTIALS_DIRECTORY.",
        examples=["binance-key"],
    )

    @model_validator(mode="before")
    @classmethod
    def _is_a_table(cls, value: Any) -> Any:  # noqa: ANN401  whatever stands in the file
        if not isinstance(value, dict):
            fault('a secret must not stand in the file itself (masked here: "***")', REFERENCE_HINT)
        return value

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if len(self.model_fields_set) != 1:
            fault("must name exactly one place", REFERENCE_HINT)
        if reason := check_reference(self.kind, self.name):
            fault(reason, REFERENCE_HINT)
        return self

    @property
    def kind(self) -> Literal["env", "file", "credential"]:
        if self.env is not None:
            return "env"
        return "file" if self.file is not None else "credential"

    @property
    def name(self) -> str:
        return self.env or self.file or self.credential or ""
