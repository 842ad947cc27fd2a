"""`login` and `use`, with requests-oauthlib. It has the grant; the loop of RFC 8628 §3.5 is left to its user."""

import os
import sys
import time

import requests
from oauthlib.oauth2 import DeviceClient, OAuth2Error
from requests_oauthlib import OAuth2Session

from kept import CLIENT_ID, RESOURCE, keep, kept, metadata

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # It is loopback.
endpoints = metadata()
if sys.argv[1] == "login":
    begun = requests.post(endpoints["device_authorization_endpoint"], data={"client_id": CLIENT_ID}).json()
    print(begun["verification_uri_complete"], begun["user_code"])
    session = OAuth2Session(client=DeviceClient(CLIENT_ID))
    interval, end = begun.get("interval", 5), time.monotonic() + begun["expires_in"]
    while True:
        time.sleep(interval)
        if time.monotonic() > end:
            sys.exit("the code has expired")
        try:
            tokens = session.fetch_token(
                endpoints["token_endpoint"], device_code=begun["device_code"], include_client_id=True
            )
            break
        except OAuth2Error as error:
            if error.error == "slow_down":
                interval += 5
            elif error.error != "authorization_pending":
                raise
    keep(tokens)
else:
    session = OAuth2Session(
        CLIENT_ID,
        token=kept(),
        auto_refresh_url=endpoints["token_endpoint"],
        auto_refresh_kwargs={"client_id": CLIENT_ID},
        token_updater=keep,
    )
    session.get(RESOURCE).raise_for_status()
