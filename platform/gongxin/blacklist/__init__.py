"""The violations list and its due process (行业风险名单). Not built yet: its place in the layout."""
