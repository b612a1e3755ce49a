// openid-client, the way its users configure it for a plain OAuth server.
import * as client from 'openid-client'
import { browse, refusal, task, tell } from './dialogue.mjs'

const server = new URL(task.issuer)
const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] } // the plane under test has no certificate

async function authorize(configuration) {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: task.redirect_uri,
    scope: 'notes:read notes:write',
    resource: task.resource,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  })
  return { arrived: await browse(url), checks: { pkceCodeVerifier: verifier, expectedState: state } }
}

async function code() {
  const metadata = { client_name: task.client_name, redirect_uris: [task.redirect_uri], token_endpoint_auth_method: 'none' }
  const configuration = await client.dynamicClientRegistration(server, metadata, client.None(), options)
  const { arrived, checks } = await authorize(configuration)
  const tokens = await client.authorizationCodeGrant(configuration, arrived, checks, { resource: task.resource })
  const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token)
  await client.tokenRevocation(configuration, refreshed.refresh_token)
  const refused = await refusal(() => client.refreshTokenGrant(configuration, refreshed.refresh_token))
  tell({ expiresIn: tokens.expiresIn(), rotated: refreshed.refresh_token !== tokens.refresh_token, refused })
}

async function pushed() {
  const metadata = {
    client_name: task.client_name,
    redirect_uris: [task.redirect_uri],
    token_endpoint_auth_method: 'none',
    require_pushed_authorization_requests: true,
  }
  const configuration = await client.dynamicClientRegistration(server, metadata, client.None(), options)
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const url = await client.buildAuthorizationUrlWithPAR(configuration, {
    redirect_uri: task.redirect_uri,
    scope: 'notes:read',
    resource: task.resource,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  })
  const checks = { pkceCodeVerifier: verifier, expectedState: state }
  const tokens = await client.authorizationCodeGrant(configuration, await browse(url), checks, { resource: task.resource })
  tell({ scope: tokens.scope })
}

async function machineAuthentication() {
  if (task.method === 'client_secret_basic') return client.ClientSecretBasic(task.client_secret)
  if (task.method === 'client_secret_post') return client.ClientSecretPost(task.client_secret)
  const pem = task.private_key.replace(/-----[A-Z ]+-----|\s/g, '')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const key = await crypto.subtle.importKey('pkcs8', Buffer.from(pem, 'base64'), algorithm, false, ['sign'])
  return client.PrivateKeyJwt({ key, kid: task.key_id })
}

async function machine() {
  const configuration = await client.discovery(server, task.client_id, undefined, await machineAuthentication(), options)
  const token = await client.clientCredentialsGrant(configuration, { scope: 'notes:read', resource: task.resource })
  const before = await client.tokenIntrospection(configuration, token.access_token)
  await client.tokenRevocation(configuration, token.access_token)
  const after = await client.tokenIntrospection(configuration, token.access_token)
  tell({ token, before, after })
}

async function dpop() {
  const metadata = {
    client_name: task.client_name,
    redirect_uris: [task.redirect_uri],
    token_endpoint_auth_method: 'none',
    dpop_bound_access_tokens: true,
  }
  const configuration = await client.dynamicClientRegistration(server, metadata, client.None(), options)
  const DPoP = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair(task.algorithm))
  const { arrived, checks } = await authorize(configuration)
  const tokens = await client.authorizationCodeGrant(configuration, arrived, checks, { resource: task.resource }, { DPoP })
  const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token, undefined, { DPoP })
  const withoutKey = await refusal(() => client.refreshTokenGrant(configuration, refreshed.refresh_token))
  tell({ type: tokens.token_type, refreshedType: refreshed.token_type, withoutKey })
}

await { code, pushed, machine, dpop }[task.story]()
