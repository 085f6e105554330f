"""What an operator types: `gongxin …`."""

import click


@click.group()
def main() -> None:
    """共信登记处 The registry's operators' commands."""
