import { openAgentView } from './agent-view.ts'
import { type Asked, isOver, mayBeCancelled, type Told, take, unasked } from './asked.ts'
import { element } from './document.ts'
import { recallAsked, rememberAsked } from './memory.ts'
import { Refused } from './requests.ts'
import { Cut, call } from './rpc.ts'

/** Milliseconds between two findings, so that there is something to be watched. */
const pace = 60

/** Milliseconds before a stream that was cut is taken up again. */
const pause = 1_000

/** Talks with the agent: a message begins a task, or answers what the agent asks in the task that is shown. */
export function openAgent(): void {
  const view = openAgentView()
  let asked = unasked
  let following = new AbortController()

  const show = (next: Asked) => {
    asked = next
    view.show(asked)
  }

  /** Takes in what is streamed; false when there is more to come, because the stream broke off. */
  async function read(
    method: string,
    params: unknown,
    signal: AbortSignal,
    toldOf = (result: unknown) => result as Told,
  ): Promise<boolean> {
    let begun = false
    try {
      for await (const result of call(method, params, signal)) {
        if (signal.aborted) return true
        begun = true
        view.notice()
        show(take(asked, toldOf(result)))
      }
      return isOver(asked) || asked.question !== undefined
    } catch (error) {
      if (signal.aborted) return true
      if (asked.taskId === '' || !(error instanceof Cut || (error instanceof Refused && begun))) throw error
      view.notice(error.message)
      return false
    }
  }

  async function send(text: string): Promise<void> {
    following.abort()
    const { signal } = (following = new AbortController())
    const { taskId, contextId, question } = asked
    if (question === undefined) show(unasked)
    const ids = { messageId: crypto.randomUUID(), ...(question !== undefined && { taskId, contextId }) }
    const message = { ...ids, role: 'ROLE_USER', parts: [{ text }], metadata: { pace } }
    await followOn(await read('SendStreamingMessage', { message }, signal), signal)
  }

  /** To the end of the task, however often its stream breaks off. */
  async function followOn(told: boolean, signal: AbortSignal): Promise<void> {
    let whole = told
    while (!whole) {
      await new Promise(resolve => setTimeout(resolve, pause))
      whole = signal.aborted || (await catchUp(signal))
    }
  }

  /** A task that is over can not be followed any more, but looked at. */
  async function catchUp(signal: AbortSignal): Promise<boolean> {
    const params = { id: asked.taskId }
    try {
      return await read('SubscribeToTask', params, signal)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return read('GetTask', params, signal, task => ({ task }) as Told)
    }
  }

  /** The task that was shown before the page was loaded again; none that the server knows no more. */
  async function resume(kept: Asked): Promise<void> {
    const { signal } = following
    show(kept)
    try {
      await followOn(await catchUp(signal), signal)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (!signal.aborted) show(unasked)
    }
  }

  async function cancel(): Promise<void> {
    if (!mayBeCancelled(asked)) return
    for await (const task of call('CancelTask', { id: asked.taskId })) show(take(asked, { task } as Told))
  }

  const act = (action: () => Promise<void>) => {
    view.notice()
    action().catch((error: unknown) => {
      if (!(error instanceof Refused || error instanceof Cut)) throw error
      view.notice(error.message)
    })
  }

  const form = element<HTMLFormElement>('ask')
  form.addEventListener('submit', event => {
    event.preventDefault()
    const text = String(new FormData(form).get('text'))
    form.reset()
    act(() => send(text))
  })
  element('cancel').addEventListener('click', () => act(cancel))
  addEventListener('pagehide', () => rememberAsked(asked))

  const kept = recallAsked()
  if (kept) act(() => resume(kept))
}
