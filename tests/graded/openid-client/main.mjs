// `login` and `use`, with openid-client as its README has it.

import { readFileSync, writeFileSync } from 'node:fs'
import * as client from 'openid-client'

const { HOME, SANDBOX_ISSUER, SANDBOX_CLIENT_ID, SANDBOX_RESOURCE } = process.env
const path = `${HOME}/tokens.json`

const keep = tokens => {
  writeFileSync(path, JSON.stringify({ ...tokens, expires_at: Date.now() / 1000 + tokens.expires_in }))
}

// Plain http is for loopback alone.
const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] }
const config = await client.discovery(new URL(SANDBOX_ISSUER), SANDBOX_CLIENT_ID, undefined, client.None(), options)

if (process.argv[2] === 'login') {
  const response = await client.initiateDeviceAuthorization(config, { scope: 'openid' })
  console.log(response.verification_uri_complete, response.user_code)
  keep(await client.pollDeviceAuthorizationGrant(config, response))
} else {
  let tokens = JSON.parse(readFileSync(path))
  if (Date.now() / 1000 >= tokens.expires_at) {
    tokens = await client.refreshTokenGrant(config, tokens.refresh_token)
    keep(tokens)
  }
  const response = await client.fetchProtectedResource(
    config, tokens.access_token, new URL(SANDBOX_RESOURCE), 'GET')
  if (!response.ok) throw new Error(`HTTP ${response.status}`)
}
