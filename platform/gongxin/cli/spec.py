"""`gongxin spec`: writes what the code says of itself, the OpenAPI document and the catalogue of errors."""

from pathlib import Path

import click

from gongxin.app import create_app
from gongxin.config import Config
from gongxin.db import make_engine
from gongxin.web import catalogue, openapi


def files() -> dict[str, str]:
    """File name → content. Needs no database: the engine connects to nothing until it is used."""
    app = create_app(Config(), make_engine("postgresql+psycopg://"))
    return {
        "openapi.json": openapi.pretty(app.extensions["gongxin_spec"]()),
        "problems.json": openapi.pretty(catalogue.as_json()),
        "problems.md": catalogue.as_markdown(),
    }


@click.command()
@click.option("--to", default="api_spec", show_default=True, type=click.Path(path_type=Path), help="目录 folder")
@click.option("--check", is_flag=True, help="只比较，不同则退出码为 1 compare only, exit 1 where they differ")
def spec(to: Path, check: bool) -> None:
    """生成接口说明与错误目录 Writes the OpenAPI document and the catalogue of errors."""
    stale = []
    for name, content in files().items():
        path = to / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            stale.append(str(path))
            if not check:
                to.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
    if check and stale:
        raise click.ClickException(f"与代码不符 not what the code says: {', '.join(stale)}")
    click.echo("\n".join(stale) or "无变化 nothing has changed")
