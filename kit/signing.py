"""Making signed tokens (RFC 7515 §5.1) at the cost of the signature: what does not change between tokens is encoded once."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from kit.jwk import ECDSA, RSA, Alg, PrivateKey, ecdsa_width, encode_bytes, jwk_to_key, public_jwk


class Signer:
    """Signs with one key. What does not change between tokens is encoded once."""

    __slots__ = ("_heads", "_sign", "alg", "kid")

    def __init__(self, kid: str, alg: Alg, private_key: PrivateKey) -> None:
        self.kid = kid
        self.alg = alg
        self._sign = _raw_signer(alg, private_key)
        self._heads: dict[str, bytes] = {}

    def sign(self, payload: bytes | Mapping[str, Any], typ: str) -> str:
        """The compact token over `payload`, which is JSON already or anything orjson encodes."""
        head = self._heads.get(typ)
        if head is None:
            head = self._heads[typ] = _head(self.alg, self.kid, typ)
        body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        message = head + encode_bytes(body)
        return compact(message, self._sign(message))


def signing_input(alg: Alg, kid: str, typ: str, payload: bytes) -> bytes:
    """What has to be signed, for keys that live elsewhere."""
    return _head(alg, kid, typ) + encode_bytes(payload)


def compact(message: bytes, signature: bytes) -> str:
    """The token of a signing input and its raw signature."""
    return (message + b"." + encode_bytes(signature)).decode("ascii")


def raw_ecdsa(der: bytes, alg: Alg) -> bytes:
    """An ECDSA signature as JWS wants it, the two halves side by side (RFC 7518 §3.4). Raises ValueError if it is not DER."""
    # SEQUENCE, length, then twice INTEGER, length, value; every length is below 128 for the curves tokens are signed with, so one byte
    # each. Read by hand because going through Python integers costs a tenth of the signature itself.
    width = ecdsa_width(alg)
    if alg is Alg.ES512:
        return b"".join(half.to_bytes(width) for half in decode_dss_signature(der))
    middle = 4 + der[3] if len(der) > 4 else 0
    if not middle or len(der) <= middle + 2 or der[1] != len(der) - 2 or der[middle + 1] != len(der) - middle - 2:
        raise ValueError("not an ECDSA signature")
    r, s = der[4:middle].lstrip(b"\0"), der[middle + 2 :].lstrip(b"\0")
    if len(r) > width or len(s) > width:
        raise ValueError("an ECDSA signature of another algorithm")
    return r.rjust(width, b"\0") + s.rjust(width, b"\0")


def _head(alg: Alg, kid: str, typ: str) -> bytes:
    return encode_bytes(orjson.dumps({"alg": alg.value, "kid": kid, "typ": typ})) + b"."


def _raw_signer(alg: Alg, key: PrivateKey) -> Callable[[bytes], bytes]:
    """A function from message to raw signature. Raises ValueError if the key is not for `alg`."""
    if alg not in _algs_of(key):
        raise ValueError(f"the key is not for {alg.value}")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        sign_der, algorithm = key.sign, ECDSA[alg]
        return lambda message: raw_ecdsa(sign_der(message, algorithm), alg)
    if isinstance(key, rsa.RSAPrivateKey):
        sign_rsa, (scheme, digest) = key.sign, RSA[alg]
        return lambda message: sign_rsa(message, scheme, digest)
    return key.sign


def _algs_of(key: PrivateKey) -> frozenset[Alg]:
    """The algorithms a key of ours can be used with."""
    return jwk_to_key(public_jwk(key)).algs
