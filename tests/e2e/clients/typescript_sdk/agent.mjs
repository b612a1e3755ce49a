// An MCP agent: the official TypeScript SDK and its OAuth client, with nothing of ours in between.
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { browse, task, tell } from './dialogue.mjs'

class Memory {
  constructor() {
    this.clientMetadataUrl = task.client_metadata_url
    this.redirectUrl = task.redirect_uri
    this.clientMetadata = {
      client_name: task.client_name,
      redirect_uris: [task.redirect_uri],
      token_endpoint_auth_method: task.token_endpoint_auth_method,
    }
  }
  state() {
    return (this.sentState = crypto.randomUUID())
  }
  clientInformation() {
    return this.client
  }
  saveClientInformation(client) {
    this.client = client
  }
  tokens() {
    return this.kept
  }
  saveTokens(tokens) {
    this.kept = tokens
  }
  saveCodeVerifier(verifier) {
    this.verifier = verifier
  }
  codeVerifier() {
    return this.verifier
  }
  async redirectToAuthorization(url) {
    this.arrived = (await browse(url)).searchParams
  }
}

const requests = []
async function watchedFetch(url, options) {
  const answer = await fetch(url, options)
  requests.push(`${options?.method ?? 'GET'} ${new URL(url).pathname} ${answer.status}`)
  return answer
}

async function connect(provider) {
  const client = new Client({ name: 'agent', version: '1' })
  const transport = () => new StreamableHTTPClientTransport(new URL(task.server), { authProvider: provider, fetch: watchedFetch })
  const first = transport()
  try {
    await client.connect(first)
    return client
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
  }
  if (provider.arrived.get('state') !== provider.sentState) throw new Error('another state came back')
  await first.finishAuth(provider.arrived.get('code'))
  const again = new Client({ name: 'agent', version: '1' })
  await again.connect(transport())
  return again
}

async function call(client, name) {
  const answer = await client.callTool({ name, arguments: {} })
  if (answer.isError) throw new Error(JSON.stringify(answer.content))
  return answer.content.map((part) => part.text).join(' ')
}

async function asPerson() {
  const memory = new Memory()
  const client = await connect(memory)
  const answer = await call(client, 'who_am_i')
  const before = memory.kept
  memory.kept = { ...before, access_token: 'run-out' }
  const refreshed = await call(client, 'list_notes')
  tell({ answer, refreshed, requests, iss: memory.arrived.get('iss'), client: memory.client, before, after: memory.kept })
}

async function asMachine() {
  const provider = task.private_key
    ? new PrivateKeyJwtProvider({ clientId: task.client_id, privateKey: task.private_key, algorithm: 'ES256', clientName: 'machine' })
    : new ClientCredentialsProvider({ clientId: task.client_id, clientSecret: task.client_secret, clientName: 'machine' })
  const client = await connect(provider)
  tell({ answer: await call(client, 'who_am_i'), requests })
}

await (task.client_id ? asMachine() : asPerson())
