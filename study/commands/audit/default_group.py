"""A group of commands with one that runs where no other is named."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

DEFAULT_COMMAND = "design"


class DefaultGroup(TyperGroup):
    """`study audit runs/mine --strict` is `study audit design runs/mine --strict`.

    The first word decides: a command of the group is that command, `--help` is the help of the group,
    anything else goes to DEFAULT_COMMAND. A store that is called like a command is written `./claims`.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        if not named and DEFAULT_COMMAND in self.commands:
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)
