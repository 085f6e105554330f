"""What the parts of agents answer over HTTP, a file a part."""

from . import checks, filings, records, register, training, watches

BLUEPRINTS = (
    *filings.BLUEPRINTS,
    *register.BLUEPRINTS,
    *training.BLUEPRINTS,
    *records.BLUEPRINTS,
    *watches.BLUEPRINTS,
    *checks.BLUEPRINTS,
)
