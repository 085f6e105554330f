"""Peers: mirrored logs and forwarded blind look-ups (联邦). Not built yet: its place in the layout."""
