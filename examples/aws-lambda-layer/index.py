"""Signs a message. The layer opens the secrets before this line runs, so they are ordinary variables."""

import hashlib
import hmac
import os

KEY = os.environ["SIGNING_KEY"].encode()


def handler(event, context):
    message = event["message"].encode()
    return {"signature": hmac.new(KEY, message, hashlib.sha256).hexdigest()}
