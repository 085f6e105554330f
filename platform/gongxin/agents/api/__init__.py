"""What the parts of agents answer over HTTP, a file a part."""

from . import checks, records, register, training

BLUEPRINTS = (*register.BLUEPRINTS, *training.BLUEPRINTS, *records.BLUEPRINTS, *checks.BLUEPRINTS)
