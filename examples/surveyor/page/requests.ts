/** What the server does not do, in words for the user. */
export class Refused extends Error {}

/** The answer to a request; throws `Refused`. */
export async function ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
  const sent = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  try {
    const response = await fetch(path, { method, cache: 'no-store', ...sent })
    const answer = (await response.json()) as { error?: { message: string } }
    if (!response.ok) throw new Refused(answer.error?.message ?? `The server answered with status ${response.status}.`)
    return answer
  } catch (cause) {
    if (cause instanceof Refused) throw cause
    // No answer, one that broke off, or one of somebody between.
    throw new Refused('The server can not be reached.', { cause })
  }
}
