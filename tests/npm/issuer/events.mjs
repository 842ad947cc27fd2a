// What happens, one JSON object a line, each written before the answer that tells the client.

import { Console } from "node:console";

// What the provider has to say to whoever runs it is for standard error.
globalThis.console = new Console(process.stderr, process.stderr);

// Writes to a pipe are synchronous.
export function tell(event, details) {
  process.stdout.write(`${JSON.stringify({ event, at: Date.now(), ...details })}\n`);
}

export function announce(provider) {
  provider.on("grant.success", ({ oidc }) => {
    const { grant_type } = oidc.params;
    const { grantId: grant, rotations: number } = oidc.entities.RefreshToken ?? {};
    if (grant_type === "refresh_token") tell("refreshed", { grant, number });
    else tell("granted", { grant_type, grant });
  });
  provider.on("grant.error", ({ oidc }, error) => {
    const { grant_type } = oidc.params ?? {};
    const presented = oidc.entities.RefreshToken;
    if (presented?.consumed) tell("reused", { grant: presented.grantId });
    else tell("refused", { grant_type, error: error.error, detail: error.error_detail });
  });
  provider.on("grant.revoked", (_, grant) => tell("grant_revoked", { grant }));
  provider.on("device_code.saved", ({ accountId, error, consumed }) => {
    if (error) tell("device_denied");
    else if (accountId && !consumed) tell("device_approved");
  });
  provider.on("server_error", (_, error) => tell("fault", { detail: String(error.stack) }));
}
