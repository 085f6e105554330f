"""The demonstration: a synthetic small province and its working day."""
