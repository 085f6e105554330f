"""`gongxin-member`: the member's command line. Help and messages are Chinese first, then English.

| exit code | 含义 | meaning |
|---|---|---|
| 0 | 完成 | done |
| 1 | 部分行被拒，依据未被接受，或工牌不可信赖 | some lines were refused, no ground, or a badge not valid |
| 2 | 用法或输入有误，未发送 | usage or input is wrong; nothing was sent |
| 3 | 登记处拒绝 | the registry refused |
| 4 | 连不上或暂不可用 | not reachable, or unavailable |
| 5 | 核对失败：回执、证明或密钥不成立 | verification failed: a receipt, a proof or a key does not hold |
"""

import click

from . import agents, asking, badge, blacklist, cases, changes, contracts, evidence, fund, importer, setup, witnessing

EPILOG = (
    "退出码 Exit codes: 0 完成 done; 1 部分行被拒或依据未被接受 some refused or no ground; 2 输入有误 bad input; "
    "3 登记处拒绝 refused; 4 不可用 unavailable; 5 核对失败 verification failed."
)


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gongxin", prog_name="gongxin-member", message="%(prog)s %(version)s")
def main() -> None:
    """共信会员命令行 The Gongxin member's command line."""


for command in (
    *setup.COMMANDS, *agents.COMMANDS, *cases.COMMANDS, *evidence.COMMANDS, *fund.COMMANDS, *changes.COMMANDS,
    *importer.COMMANDS, *asking.COMMANDS, *blacklist.COMMANDS, *witnessing.COMMANDS,
    *badge.COMMANDS, *contracts.COMMANDS,
):  # fmt: skip
    main.add_command(command)
