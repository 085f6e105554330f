"""What goes over the wire, by part: fees and caps, templates, contracts, recoveries and statements, documents."""
