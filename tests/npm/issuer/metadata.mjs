// Discovery as issuers in the wild have it: at one place or another, without this or that.

const OPENID = "/.well-known/openid-configuration";
const RFC_8414 = "/.well-known/oauth-authorization-server";

// Tells the provider by `url` and `originalUrl` what it is mounted at.
export function route(request, { path, metadata: { places } }) {
  const appended = path + OPENID;
  const inserted = RFC_8414 + path;
  request.originalUrl = request.url;
  if (request.url === appended && !places.includes("openid")) request.originalUrl = "/nowhere";
  if (request.url === inserted && places.includes("rfc8414")) request.originalUrl = appended;
  const below = request.originalUrl.startsWith(path);
  request.url = below ? request.originalUrl.slice(path.length) : request.originalUrl;
}

export function describe(provider, { metadata: { without, instead } }) {
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === OPENID && ctx.status === 200) {
      const left = Object.entries(ctx.body).filter(([name]) => !without.includes(name));
      ctx.body = { ...Object.fromEntries(left), ...instead };
    }
  });
}
