// oauth4webapi checks every answer against its specification and refuses what does not conform.
import * as oauth from 'oauth4webapi'
import { browse, refusal, task, tell } from './dialogue.mjs'

const insecure = { [oauth.allowInsecureRequests]: true } // the plane under test has no certificate

const issuer = new URL(task.issuer)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }))

async function register(metadata = {}) {
  const asked = { client_name: task.client_name, redirect_uris: [task.redirect_uri], token_endpoint_auth_method: 'none', ...metadata }
  return oauth.processDynamicClientRegistrationResponse(await oauth.dynamicClientRegistrationRequest(as, asked, insecure))
}

async function authorize(client, extra = {}) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const url = new URL(as.authorization_endpoint)
  const asked = {
    client_id: client.client_id,
    redirect_uri: task.redirect_uri,
    response_type: 'code',
    scope: 'notes:read notes:write',
    resource: task.resource,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    ...extra,
  }
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
  return { verifier, parameters: oauth.validateAuthResponse(as, client, await browse(url), state) }
}

async function redeem(client, { verifier, parameters }, options = {}) {
  const answer = await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), parameters, task.redirect_uri, verifier, {
    additionalParameters: { resource: task.resource },
    ...insecure,
    ...options,
  })
  return oauth.processAuthorizationCodeResponse(as, client, answer)
}

async function refresh(client, refreshToken, options = {}) {
  const answer = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), refreshToken, { ...insecure, ...options })
  return oauth.processRefreshTokenResponse(as, client, answer)
}

async function accept(accessToken, dpop) {
  const headers = { authorization: `${dpop ? 'DPoP' : 'Bearer'} ${accessToken}` }
  if (dpop) headers.dpop = dpop
  const request = new Request(task.resource, { method: 'POST', headers })
  return oauth.validateJwtAccessToken(as, request, task.resource, { requireDPoP: Boolean(dpop), ...insecure })
}

async function code() {
  const client = await register()
  const tokens = await redeem(client, await authorize(client))
  const claims = await accept(tokens.access_token)
  const refreshed = await refresh(client, tokens.refresh_token)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, oauth.None(), refreshed.refresh_token, insecure))
  const refused = await refusal(() => refresh(client, refreshed.refresh_token))
  tell({ client, claims, rotated: refreshed.refresh_token !== tokens.refresh_token, refused })
}

async function pushed() {
  const client = await register({ require_pushed_authorization_requests: true })
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const asked = {
    redirect_uri: task.redirect_uri,
    response_type: 'code',
    scope: 'notes:read',
    resource: task.resource,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  }
  const answer = await oauth.pushedAuthorizationRequest(as, client, oauth.None(), asked, insecure)
  const { request_uri, expires_in } = await oauth.processPushedAuthorizationResponse(as, client, answer)
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({ client_id: client.client_id, request_uri })
  const parameters = oauth.validateAuthResponse(as, client, await browse(url), state)
  const tokens = await redeem(client, { verifier, parameters })
  tell({ scope: tokens.scope, seconds: expires_in })
}

async function machineAuthentication() {
  if (task.method === 'client_secret_basic') return oauth.ClientSecretBasic(task.client_secret)
  if (task.method === 'client_secret_post') return oauth.ClientSecretPost(task.client_secret)
  const pem = task.private_key.replace(/-----[A-Z ]+-----|\s/g, '')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const key = await crypto.subtle.importKey('pkcs8', Buffer.from(pem, 'base64'), algorithm, false, ['sign'])
  return oauth.PrivateKeyJwt({ key, kid: task.key_id })
}

async function machine() {
  const client = { client_id: task.client_id }
  const who = await machineAuthentication()
  const asked = { scope: 'notes:read', resource: task.resource }
  const answer = await oauth.clientCredentialsGrantRequest(as, client, who, asked, insecure)
  const token = await oauth.processClientCredentialsResponse(as, client, answer)
  const introspect = async (options) =>
    oauth.introspectionRequest(as, client, who, token.access_token, { ...insecure, ...options })
  const before = await oauth.processIntrospectionResponse(as, client, await introspect())
  const signed = await introspect({ requestJwtResponse: true })
  const beforeSigned = await oauth.processIntrospectionResponse(as, client, signed)
  await oauth.validateApplicationLevelSignature(as, signed, insecure)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, who, token.access_token, insecure))
  const after = await oauth.processIntrospectionResponse(as, client, await introspect())
  tell({ token, before, beforeSigned, after, mediaType: signed.headers.get('content-type') })
}

async function dpop() {
  const client = await register()
  const pair = await oauth.generateKeyPair(task.algorithm)
  const handle = oauth.DPoP(client, pair)
  const started = await authorize(client, { dpop_jkt: await handle.calculateThumbprint() })
  const tokens = await redeem(client, started, { DPoP: handle })
  let proof
  const capture = async (_url, options) => {
    proof = new Headers(options.headers).get('dpop')
    return new Response()
  }
  await oauth.protectedResourceRequest(tokens.access_token, 'POST', new URL(task.resource), undefined, undefined, {
    DPoP: handle,
    [oauth.customFetch]: capture,
    ...insecure,
  })
  const claims = await accept(tokens.access_token, proof)
  const stranger = oauth.DPoP(client, await oauth.generateKeyPair(task.algorithm))
  const withAnotherKey = await refusal(() => refresh(client, tokens.refresh_token, { DPoP: stranger }))
  const withoutKey = await refusal(() => refresh(client, tokens.refresh_token))
  const refreshed = await refresh(client, tokens.refresh_token, { DPoP: handle })
  tell({
    claims,
    type: tokens.token_type,
    refreshedType: refreshed.token_type,
    thumbprint: await handle.calculateThumbprint(),
    withAnotherKey,
    withoutKey,
  })
}

await { code, pushed, machine, dpop }[task.story]()
