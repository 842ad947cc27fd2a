// What the person sees: the provider's own forms, and the two interactions that it leaves to whoever runs it. Nothing
// here is loaded from elsewhere.

import { text } from "node:stream/consumers";

const INPUT = "op.deviceInputForm";
const CONFIRM = "op.deviceConfirmForm";

export const deviceFlowPages = {
  userCodeInputSource(ctx, form, _, error) {
    if (error?.name === "AbortedError") {
      ctx.body = page("Denied", "<p>You can close this page.</p>");
      return;
    }
    const again = error ? `<p>${escape(error.name)}</p>` : "";
    ctx.body = page("Enter the code", `${again}${form}${button("Continue", `form="${INPUT}"`)}`);
  },
  userCodeConfirmSource(ctx, form, client, _, userCode) {
    const abort = button("Deny", `form="${CONFIRM}" name="abort" value="yes"`);
    const compare = `<p>${escape(client.clientName)} shows the code <b>${escape(userCode)}</b>.</p>`;
    ctx.body = page("Is this your code?", `${compare}${form}${button("It is", `form="${CONFIRM}"`)}${abort}`);
  },
  successSource(ctx) {
    ctx.body = page("Device connected", "<p>Return to the terminal.</p>");
  },
};

export function errorPage(ctx, { error, error_description }) {
  ctx.type = "html";
  ctx.body = page(`Error: ${error}`, `<p>${escape(error_description ?? "")}</p>`);
}

// Signing in, with a name and nothing else, and consent.
export async function interact(provider, request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (request.method !== "POST") {
    const shown = prompt.name === "login" ? signIn() : consent(params);
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(shown);
    return;
  }
  const form = new URLSearchParams(await text(request));
  const results = {
    "sign-in": () => ({ login: { accountId: form.get("account") } }),
    allow: async () => ({ consent: { grantId: await grant(provider, params, session, grantId, prompt.details) } }),
    deny: () => ({ error: "access_denied", error_description: "the person said no" }),
  };
  const chosen = form.get("choice");
  const result = await results[chosen]();
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: chosen === "allow" });
}

async function grant(provider, params, session, grantId, details) {
  const { accountId } = session;
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId, clientId: params.client_id });
  if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(" "));
  if (details.missingOIDCClaims) grant.addOIDCClaims(details.missingOIDCClaims);
  return grant.save();
}

function signIn() {
  const account = '<label for="account">Account</label><input id="account" name="account" required>';
  return page("Sign in", `<form method="post">${account}${choice("sign-in", "Sign in")}</form>`);
}

function consent({ scope }) {
  const asks = `<p>It asks for: ${escape(scope ?? "nothing in particular")}.</p>`;
  return page("Allow access?", `${asks}<form method="post">${choice("allow", "Allow")}${choice("deny", "Deny")}</form>`);
}

function choice(value, label) {
  return button(label, `name="choice" value="${value}"`);
}

function button(label, attributes) {
  return `<button type="submit" ${attributes}>${label}</button>`;
}

function page(heading, body) {
  const title = escape(heading);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}</html>`;
}

function escape(text) {
  return String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
