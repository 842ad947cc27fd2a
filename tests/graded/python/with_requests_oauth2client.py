"""`login` and `use`, with requests_oauth2client as its README has it."""

import sys

import requests
from requests_oauth2client import (
    DeviceAuthorizationPollingJob,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    TokenSerializer,
)

from kept import CLIENT_ID, PATH, RESOURCE, metadata

endpoints = metadata()
serializer = TokenSerializer()
client = OAuth2Client(
    token_endpoint=endpoints["token_endpoint"],
    device_authorization_endpoint=endpoints["device_authorization_endpoint"],
    client_id=CLIENT_ID,
    testing=True,  # Plain http is for loopback alone.
)
if sys.argv[1] == "login":
    da_resp = client.authorize_device()
    print(da_resp.verification_uri_complete, da_resp.user_code)
    polling_job = DeviceAuthorizationPollingJob(client, da_resp)
    resp = None
    while resp is None:
        resp = polling_job()
    PATH.write_bytes(serializer.dumps(resp))
else:
    # Renews the token whenever it is over, and on its own.
    auth = OAuth2AccessTokenAuth(client, serializer.loads(PATH.read_bytes()))
    response = requests.get(RESOURCE, auth=auth)
    PATH.write_bytes(serializer.dumps(auth.token))
    response.raise_for_status()
