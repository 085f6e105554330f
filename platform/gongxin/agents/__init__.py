"""Licences and credit records of agents (催收员执照与信用档案). Not built yet: its place in the layout."""
