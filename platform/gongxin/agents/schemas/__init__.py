"""What goes over the wire, a file a part; `fields.py` holds what they share."""
