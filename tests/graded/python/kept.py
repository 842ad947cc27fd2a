"""Where these clients keep their tokens, and what they are told about the server."""

import json
import os
import pathlib

import requests

ISSUER = os.environ["SANDBOX_ISSUER"]
CLIENT_ID = os.environ["SANDBOX_CLIENT_ID"]
RESOURCE = os.environ["SANDBOX_RESOURCE"]
PATH = pathlib.Path(os.environ["HOME"], "tokens.json")


def metadata():
    return requests.get(f"{ISSUER}/.well-known/oauth-authorization-server").json()


def keep(tokens):
    PATH.write_text(json.dumps(tokens))


def kept():
    return json.loads(PATH.read_text())
