"""RSA keys whose primes were made by the broken generator of CVE-2017-15361 (ROCA): who knows the modulus finds the key.

Pure. Such a modulus is a power of 65537 modulo each small prime; of other keys, one in a hundred million is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

_GENERATOR: Final = 65537
_PRIMES: Final = tuple(n for n in range(3, 168, 2) if all(n % d for d in range(3, n, 2)))


def _powers(prime: int) -> frozenset[int]:
    found, power = set[int](), 1
    while power not in found:
        found.add(power)
        power = power * _GENERATOR % prime
    return frozenset(found)


_MARKS: Final = {prime: _powers(prime) for prime in _PRIMES}


def is_broken(modulus: int) -> bool:
    """Tell whether this modulus bears the marks of that generator."""
    return all(modulus % prime in powers for prime, powers in _MARKS.items())
