"""`python -m gongxin_client`: the same as `gongxin-member`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="gongxin-member")
