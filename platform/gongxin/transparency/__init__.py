"""The Merkle log, checkpoints, witnesses (透明日志). Not built yet: its place in the layout."""
