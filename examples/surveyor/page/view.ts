import { element, filled, light, number, write } from './document.ts'
import { counted, isLive, mayBeStopped, pathOf, type Row, type Shown } from './fold.ts'

export type Connection = 'not started' | 'connecting' | 'connected' | 'reconnecting' | 'ended'

/** Kinds of files that are shown. */
const mostKinds = 6

/** Draws what is shown, at most once per frame. */
export function openView() {
  const root = document.documentElement
  let next: { shown: Shown | undefined; connection: Connection } | undefined
  let drawn: { runId?: string; newest: Row | undefined } = { newest: undefined }

  function draw(): void {
    if (!next) return
    const { shown, connection } = next
    next = undefined
    write('connection', connection).dataset.is = connection
    if (!shown) return
    drawState(shown)
    for (const name of ['files', 'lines', 'findings'] as const) number(name, shown[name], counted(shown[name]))
    number('bytes', shown.bytes, sized(shown.bytes))
    const isDone = shown.status === 'done'
    write('phase', isLive(shown.status) ? 'Now in' : isDone ? 'Surveyed' : 'Ended in')
    write('here', [shown.surveys, !isDone && shown.here].filter(Boolean).join('/') || (isDone ? 'all of it' : '.'))
    // Not `disabled`: that would take the keyboard away from whoever has just pressed it.
    element('stop').ariaDisabled = String(!mayBeStopped(shown))
    drawKinds(shown)
    drawRows(shown)
  }

  function drawState({ status, attempt }: Shown): void {
    root.dataset.status = status
    write('status', status)
    write('attempt', `attempt ${attempt}`).hidden = attempt === 1
    light(element('chart'), pathOf(status))
  }

  function drawKinds({ kinds }: Shown): void {
    const most = [...kinds].sort((a, b) => b.lines - a.lines || b.count - a.count).slice(0, mostKinds)
    const lines = most[0]?.lines ?? 0
    const items = most.map(({ name, lines: of }) => {
      const kind = filled('li', filled('bdi', name || 'others'), filled('span', counted(of)))
      kind.style.setProperty('--share', `${(of / Math.max(lines, 1)) * 100}%`)
      return kind
    })
    element('kinds').replaceChildren(...items)
  }

  /** Those that are there stay, so that they can be read, selected and scrolled. */
  function drawRows({ runId, seq, status, rows }: Shown): void {
    const list = element('rows')
    if (drawn.runId !== runId) list.replaceChildren()
    const known = drawn.runId === runId && drawn.newest ? rows.indexOf(drawn.newest) : -1
    const fresh = known < 0 ? rows : rows.slice(0, known)
    if (known < 0) list.replaceChildren()
    list.prepend(...fresh.map(item))
    while (list.childElementCount > rows.length) list.lastElementChild?.remove()
    drawn = { runId, newest: rows[0] }
    write('count', seq === 0 ? '' : `${counted(seq)} ${isLive(status) ? 'so far' : 'in all'}`)
  }

  return {
    show(shown: Shown | undefined, connection: Connection): void {
      if (!next) requestAnimationFrame(draw)
      next = { shown, connection }
    },
    /** What went wrong, until something else is said. */
    notice(text = ''): void {
      write('notice', text).hidden = text === ''
    },
  }
}

function item({ seq, kind, what, note }: Row): HTMLElement {
  const [number, text, aside] = [filled('span', `#${seq}`), filled('bdi', what), filled('bdi', note)]
  number.className = 'seq'
  text.className = 'what'
  text.title = text.textContent ?? ''
  aside.className = 'note'
  aside.title = aside.textContent ?? ''
  const line = filled('li', number, text, aside)
  line.className = kind
  return line
}

function sized(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  return `${step === 0 ? bytes : (bytes / 1000 ** step).toFixed(1)} ${units[step]}`
}
