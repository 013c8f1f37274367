"""Whether a person's key signed exactly this text: Ed25519 as OpenSSH signs, verified here."""

from __future__ import annotations

from jupyter_mlops.domain import keys
from jupyter_mlops.domain.answers import Assurance
from jupyter_mlops.errors import Refused


def verify(armoured: str, told: str, *, purpose: str = keys.NAMESPACE) -> keys.Signature:
    """Return the signature of a text, once it is known to be right.

    Whose key it is, and whether that person may decide, is another question.

    Raises:
        Invalid: it is no signature.
        Refused: it was given for another purpose, or not for this text.
    """
    signature = keys.read_signature(armoured)
    keys.check_given_for(signature, purpose)
    if not _is_right(signature, told.encode()):
        raise Refused(
            "The signature does not belong to what is said: one of the two was changed.",
            "sign again with `jupyter mlops decide`.",
            code="signature_wrong",
        )
    return signature


def worth(signature: keys.Signature) -> Assurance:
    """Return what a right signature is worth: a touched device proves that somebody was there."""
    return "present" if signature.is_touched else "signed"


def _is_right(signature: keys.Signature, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(signature.key.raw)
        public.verify(signature.raw, signature.signed(message))
    except (InvalidSignature, ValueError):
        return False
    return True
