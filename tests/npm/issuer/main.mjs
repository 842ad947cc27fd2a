// A real OAuth issuer for the tests, on loopback: `oidc-provider`, which its authors run against the conformance suites
// of OpenID, with one public client (RFC 8252) and pages for one person.
//
//     node main.mjs '{"access_lifetime": 12}'
//
// All options are optional and stand below. The first line on standard output says where everything is; then follows one
// line for each event (events.mjs). It ends when standard input does.

import { once } from "node:events";
import { createServer } from "node:http";

import { Provider } from "oidc-provider";

import { CLIENT_ID, configuration } from "./configuration.mjs";
import { announce, tell } from "./events.mjs";
import { describe, route } from "./metadata.mjs";
import { interact } from "./pages.mjs";
import { remember, resource } from "./resource.mjs";

const DEFAULTS = {
  // Seconds.
  access_lifetime: 3600,
  device_code_lifetime: 600,
  // Whether there is a device authorization endpoint, and a revocation endpoint.
  device_flow: true,
  revocation: true,
  // Of the issuer's identifier, as in "/tenant".
  path: "",
  metadata: {
    // Where it can be read: "openid" (appended to the path), "rfc8414" (inserted before it).
    places: ["openid", "rfc8414"],
    // Names of members that are left out, and members that say something else.
    without: [],
    instead: {},
  },
};

const given = JSON.parse(process.argv[2] ?? "{}");
const options = { ...DEFAULTS, ...given, metadata: { ...DEFAULTS.metadata, ...given.metadata } };

const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(origin + options.path, configuration(options));
describe(provider, options);
announce(provider);
remember(provider);

const issuer = provider.callback();
server.on("request", async (request, response) => {
  try {
    const path = new URL(request.url, origin).pathname;
    if (path.startsWith("/mark/")) {
      tell("marked", { mark: path.slice("/mark/".length) });
      response.end();
    } else if (path.startsWith("/interaction/")) {
      await interact(provider, request, response);
    } else if (path === "/resource") {
      await resource(provider, request, response);
    } else {
      route(request, options);
      await issuer(request, response);
    }
  } catch (error) {
    tell("fault", { detail: String(error.stack ?? error) });
    response.writeHead(500).end();
  }
});

const at = (path) => origin + options.path + path;
tell("ready", {
  issuer: origin + options.path,
  client_id: CLIENT_ID,
  authorization_endpoint: at("/auth"),
  device_authorization_endpoint: at("/device/auth"),
  token_endpoint: at("/token"),
  revocation_endpoint: at("/token/revocation"),
  userinfo_endpoint: at("/me"),
  // Answers 200 exactly for living access tokens, whatever their scope.
  resource: `${origin}/resource`,
});

process.stdin.resume().on("end", () => process.exit());
