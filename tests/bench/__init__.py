"""Speed and memory as ratios within one run: `make bench`, or `make bench ONLY=name`.

Each figure is measured against something bare in the same run on the same machine (a bare WSGI answer on the same
gunicorn, a raw SQL statement, plain libsodium), so that it says something about the software and not about the machine.
"""
