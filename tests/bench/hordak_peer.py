"""django-hordak in a process of its own: one balanced transaction a commit for so many seconds; prints the rate.

`python -m tests.bench.hordak_peer HOST DATABASE SECONDS`, as the database's owner, past no check of its triggers."""

import sys
import time

import django
from django.conf import settings

HOST, DATABASE, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": HOST,
            "PORT": "5432",
            "NAME": DATABASE,
            "USER": "gongxin_owner",
        }
    },
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    DEFAULT_CURRENCY="CNY",
    HORDAK_CURRENCIES=["CNY"],
    HORDAK_DECIMAL_PLACES=2,
    HORDAK_MAX_DIGITS=18,
)
django.setup()


def main() -> None:
    from django.core.management import call_command
    from django.db import transaction
    from hordak.models import Account, AccountType, Leg, Transaction
    from moneyed import Money

    call_command("migrate", verbosity=0)
    cash, levies = (
        Account.objects.filter(code=code).first()
        or Account.objects.create(name=name, code=code, type=kind, currencies=["CNY"])
        for name, code, kind in (("cash", "1", AccountType.asset), ("levies", "2", AccountType.income))
    )

    def post(amount: Money) -> None:
        with transaction.atomic():
            made = Transaction.objects.create(description="levy")
            Leg.objects.create(transaction=made, account=cash, debit=amount)
            Leg.objects.create(transaction=made, account=levies, credit=amount)

    amount = Money("12.50", "CNY")
    for _ in range(50):
        post(amount)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        post(amount)
        count += 1
    sys.stdout.write(f"{count / (time.perf_counter() - started)}\n")


main()
