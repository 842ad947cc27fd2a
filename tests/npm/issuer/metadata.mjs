// Discovery as issuers in the wild have it: at one place or another, without this or that.

const OPENID = "/.well-known/openid-configuration";
const RFC_8414 = "/.well-known/oauth-authorization-server";

// Tells the provider by `url` and `originalUrl` what it is mounted at.
export function route(request, { path, metadata: { places } }) {
  const meant = {
    [path + OPENID]: places.includes("openid") ? path + OPENID : "/nowhere",
    // The provider has this one below its own path, too.
    [RFC_8414 + path]: places.includes("rfc8414") ? path + RFC_8414 : "/nowhere",
  };
  request.originalUrl = meant[request.url] ?? request.url;
  request.url = request.originalUrl.startsWith(path) ? request.originalUrl.slice(path.length) : request.originalUrl;
}

export function describe(provider, { metadata: { without, instead } }) {
  provider.use(async (ctx, next) => {
    await next();
    if ([OPENID, RFC_8414].includes(ctx.path) && ctx.status === 200) {
      const left = Object.entries(ctx.body).filter(([name]) => !without.includes(name));
      ctx.body = { ...Object.fromEntries(left), ...instead };
    }
  });
}
