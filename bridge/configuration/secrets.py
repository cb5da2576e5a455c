"""Every text that no output may hold; `redaction` says in what parts and forms it might."""

from bridge.settings import secrets_in

OFF = "off"  # a proxy's "none"
SHORT = 8  # characters: a shorter value of a header is hardly a secret, and hiding it would garble all else


def secret_texts(*records: object) -> frozenset[str]:
    """Collect the texts of all secrets."""
    secrets = (pair for record in records for pair in secrets_in(record))
    texts = (secret.reveal() for key, secret in secrets if key != "headers" or len(secret.reveal()) >= SHORT)
    return frozenset(text for text in texts if text and text != OFF)
