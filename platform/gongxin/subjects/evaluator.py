"""Who evaluates blinded elements: one small function, so that another process or organisation can hold the key.

    Evaluator = (data_set, epoch, elements) -> (evaluated elements, one DLEQ proof over all of them)

`local` holds the decoded secrets in this process; another function under
`runtime.caches["evaluator"]` replaces it.
"""

from collections.abc import Callable, Sequence

from gongxin_wire.voprf import oprf

Evaluator = Callable[[str, int, Sequence[bytes]], tuple[list[bytes], bytes]]
SecretOf = Callable[[str, int], tuple[bytes, bytes]]


def local(secret_of: SecretOf) -> Evaluator:
    """`secret_of(data_set, epoch)` gives (secret key, public key), decoded; it is expected to remember them."""

    def evaluate(data_set: str, epoch: int, elements: Sequence[bytes]) -> tuple[list[bytes], bytes]:
        secret, public = secret_of(data_set, epoch)
        evaluated = oprf.evaluate(secret, elements, oprf.VOPRF)
        return evaluated, oprf.prove(secret, public, elements, evaluated)

    return evaluate
