// The script of the page: it follows the survey that the server has, starts another one, and stops it; and it asks the agent.
import { FollowError, follow } from 'lifechart/client'
import { openAgent } from './agent.ts'
import { element } from './document.ts'
import { fold, mayBeStopped, type Shown, unseen } from './fold.ts'
import { recall, remember } from './memory.ts'
import { ask, Refused } from './requests.ts'
import { type Connection, openView } from './view.ts'

const view = openView()
/** To the other tabs of this browser: another survey has begun. */
const news = new BroadcastChannel('surveys')
let shown: Shown | undefined
let following = new AbortController()
let looking = Promise.resolve()

/** Follows the newest survey of the server. One look after the other, so that an old answer never comes last. */
function look(): Promise<void> {
  looking = looking
    .then(async () => {
      const { surveys } = (await ask('GET', '/surveys')) as { surveys: { id: string; runId: string }[] }
      const [newest] = surveys
      if (newest && newest.runId !== shown?.runId) void watch(newest.id, newest.runId)
    })
    .catch(complain)
  return looking
}

async function watch(id: string, runId: string): Promise<void> {
  following.abort()
  const { signal } = (following = new AbortController())
  let seen = (shown = recall(runId) ?? unseen(runId))
  const show = (connection: Connection) => {
    if (signal.aborted) return
    shown = seen
    view.show(shown, connection)
  }
  show('connecting')
  try {
    const events = follow(`/runs/${id}/events`, {
      after: `${runId}:${seen.seq}`,
      signal,
      onConnect() {
        view.notice()
        show('connected')
      },
      onDisconnect: () => show('reconnecting'),
    })
    for await (const event of events) {
      seen = fold(seen, event)
      show('connected')
    }
  } catch (error) {
    if (!signal.aborted) complain(error)
  }
  if (signal.aborted) return
  show('ended')
  // It may have been replaced.
  await look()
}

async function start(form: HTMLFormElement): Promise<void> {
  const order = new FormData(form)
  await ask('POST', '/surveys', { directory: String(order.get('directory')), pace: Number(order.get('pace')) })
  news.postMessage('begun')
  await look()
}

/** Only the one that is shown: a newer one is not meant. */
async function stop(): Promise<void> {
  if (shown && mayBeStopped(shown)) await ask('POST', '/runs/survey/stop', { runId: shown.runId })
}

function complain(error: unknown): void {
  if (!(error instanceof Refused || error instanceof FollowError)) throw error
  view.notice(error.message)
}

/** What the user asks for, and what there is to say of it. */
function act(action: () => Promise<void>): void {
  view.notice()
  action().catch(complain)
}

element<HTMLFormElement>('order').addEventListener('submit', event => {
  event.preventDefault()
  act(() => start(event.currentTarget as HTMLFormElement))
})
element('stop').addEventListener('click', () => act(stop))
news.addEventListener('message', () => void look())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') void look()
})
addEventListener('pagehide', () => shown && remember(shown))

void look()
openAgent()
