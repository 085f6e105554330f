"""The web faces: /admin, /portal, /check. Not built yet: its place in the layout."""
