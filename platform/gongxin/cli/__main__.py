"""`python -m gongxin.cli`."""

from . import main

main()
