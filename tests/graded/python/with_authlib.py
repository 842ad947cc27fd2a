"""`login` and `use`, with Authlib. It has the session; the loop of RFC 8628 §3.5 is left to its user."""

import sys
import time

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from kept import CLIENT_ID, RESOURCE, keep, kept, metadata

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
endpoints = metadata()
session = OAuth2Session(
    CLIENT_ID,
    token_endpoint=endpoints["token_endpoint"],
    token_endpoint_auth_method="none",
    update_token=lambda token, refresh_token=None, access_token=None: keep(token),
)
if sys.argv[1] == "login":
    response = session.request(
        "POST",
        endpoints["device_authorization_endpoint"],
        data={"client_id": CLIENT_ID},
        withhold_token=True,
    )
    begun = response.json()
    print(begun["verification_uri_complete"], begun["user_code"])
    interval, end = begun.get("interval", 5), time.monotonic() + begun["expires_in"]
    while True:
        time.sleep(interval)
        if time.monotonic() > end:
            sys.exit("the code has expired")
        try:
            tokens = session.fetch_token(grant_type=GRANT, device_code=begun["device_code"])
            break
        except OAuthError as error:
            if error.error == "slow_down":
                interval += 5
            elif error.error != "authorization_pending":
                raise
    keep(tokens)
else:
    session.token = kept()
    session.get(RESOURCE).raise_for_status()
