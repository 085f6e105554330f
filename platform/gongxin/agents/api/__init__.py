"""What the parts of agents answer over HTTP, a file a part."""

from .. import snapshots
from . import badges, checks, filings, public, records, register, training, watches

BLUEPRINTS = (
    *filings.BLUEPRINTS,
    *register.BLUEPRINTS,
    *training.BLUEPRINTS,
    *records.BLUEPRINTS,
    *watches.BLUEPRINTS,
    *checks.BLUEPRINTS,
    *badges.BLUEPRINTS,
    *public.BLUEPRINTS,
)
assert snapshots  # registers its own
