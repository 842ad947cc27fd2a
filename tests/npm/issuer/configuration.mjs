// How `oidc-provider` is set up.

import { randomBytes } from "node:crypto";

import { deviceFlowPages, errorPage } from "./pages.mjs";

export const CLIENT_ID = "doorkey-tests";

export function configuration({ access_lifetime, device_code_lifetime, device_flow, revocation }) {
  const day = 24 * 60 * 60;
  return {
    clients: [
      {
        client_id: CLIENT_ID,
        client_name: "A command-line program",
        // So that the port of a loopback redirect does not count (RFC 8252 §7.3).
        application_type: "native",
        token_endpoint_auth_method: "none",
        grant_types: [
          "authorization_code",
          "refresh_token",
          ...(device_flow ? ["urn:ietf:params:oauth:grant-type:device_code"] : []),
        ],
        response_types: ["code"],
        redirect_uris: ["http://127.0.0.1/callback", "http://[::1]/callback"],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: device_flow, ...deviceFlowPages },
      revocation: { enabled: revocation },
    },
    // Each refresh token is good for one use; a second one revokes the grant (RFC 9700 §4.14.2).
    rotateRefreshToken: true,
    issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
    // A command is signed in for longer than a browser is.
    expiresWithSession: () => false,
    pkce: { required: () => true },
    ttl: {
      AccessToken: access_lifetime,
      AuthorizationCode: 60,
      DeviceCode: device_code_lifetime,
      Grant: day,
      IdToken: day,
      Interaction: day,
      RefreshToken: day,
      Session: day,
    },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    renderError: errorPage,
    cookies: {
      keys: [randomBytes(32).toString("hex")],
      long: { sameSite: "lax" },
      short: { sameSite: "lax" },
    },
  };
}
