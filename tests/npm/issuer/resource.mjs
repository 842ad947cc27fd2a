// What access tokens are for (RFC 6750): 200 for one that lives, 401 with a challenge for any other.

// When each token's time is over, by its value.
const expiries = new Map();

export function remember(provider) {
  provider.on("access_token.saved", ({ jti, exp }) => expiries.set(jti, exp * 1000));
}

export async function resource(provider, request, response) {
  const [, token] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "") ?? [];
  const found = token && (await provider.AccessToken.find(token));
  if (found) {
    answer(response, 200, { sub: found.accountId, client_id: found.clientId, scope: found.scope ?? "" });
    return;
  }
  response.setHeader("www-authenticate", 'Bearer error="invalid_token"');
  const expiry = expiries.get(token);
  // From this a test can tell whether the token was dead when it was handed out.
  answer(response, 401, { error: "invalid_token", expired_for_millis: expiry && Date.now() - expiry });
}

function answer(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
