// How a client talks to the test that runs it: see dialogue.py.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** What the client is asked to do. */
export const task = JSON.parse(process.argv[2])

/** Opens a browser at `url` and waits for the URL it comes back to. */
export async function browse(url) {
  const redirectUri = new URL(url).searchParams.get('redirect_uri') ?? task.redirect_uri
  console.log(JSON.stringify({ open: String(url), redirect_uri: redirectUri }))
  return new URL((await lines.next()).value)
}

/** The client's last word. */
export function tell(result) {
  process.stdout.write(`${JSON.stringify({ result })}\n`, () => process.exit(0))
}

/** Runs `attempt`, which must be refused, and gives the error it was refused with. */
export async function refusal(attempt) {
  try {
    await attempt()
  } catch (error) {
    return { name: error.name, error: error.error ?? error.cause?.error, status: error.status ?? error.cause?.status }
  }
  throw new Error('this should have been refused')
}
