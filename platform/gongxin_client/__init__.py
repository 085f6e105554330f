"""What members install: the SDK and `gongxin-member`. Imports nothing of the registry."""
