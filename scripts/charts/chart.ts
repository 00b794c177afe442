import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'

/** A machine as a picture needs it: names and texts, no code. */
export interface ChartState {
  id: string
  name: string
  kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  description: string
  tags: readonly string[]
  /** What the state does by itself: invoked actors, entry and exit actions, events that it takes without leaving. */
  notes: readonly string[]
  /** The id of the state that is entered first. */
  initial: string | undefined
  states: readonly ChartState[]
}

/** All transitions from one state to one other, as one arrow. */
export interface ChartArrow {
  from: string
  to: string
  labels: readonly ChartLabel[]
}

export interface ChartLabel {
  trigger: string
  guard: string
}

export interface Chart {
  root: ChartState
  arrows: readonly ChartArrow[]
}

export function readChart(machine: AnyStateMachine): Chart {
  const arrows = new Map<string, { from: string; to: string; labels: ChartLabel[] }>()
  const root = readState(machine.root, (from, to, label) => {
    const key = JSON.stringify([from, to])
    const arrow = arrows.get(key) ?? { from, to, labels: [] }
    arrow.labels.push(label)
    arrows.set(key, arrow)
  })
  return { root, arrows: [...arrows.values()] }
}

/** The same chart with names only, for a small picture. */
export function outlineOf({ root, arrows }: Chart): Chart {
  const bare = (state: ChartState): ChartState => ({ ...state, description: '', tags: [], notes: [], states: state.states.map(bare) })
  return { root: bare(root), arrows: arrows.map(({ from, to }) => ({ from, to, labels: [] })) }
}

type Draw = (from: string, to: string, label: ChartLabel) => void

function readState(node: AnyStateNode, draw: Draw): ChartState {
  const notes = [
    ...node.invoke.map(({ id, src }) => `invokes ${typeof src === 'string' ? src : id}`),
    ...effects('entry', node.entry),
    ...effects('exit', node.exit),
  ]
  for (const { transition, label } of labelled(node)) {
    const targets = transition.target ?? []
    const text = label.guard ? `${label.trigger} [${label.guard}]` : label.trigger
    if (targets.length === 0) notes.push([text, ...effects('', transition.actions)].join(' '))
    for (const target of targets) {
      // An arrow from a state into itself or its own inside says less than a line of text, and tangles the picture.
      if (target === node || isInside(target, node)) notes.push(`${text} → ${target.key}`)
      else draw(node.id, target.id, label)
    }
  }
  return {
    id: node.id,
    name: node.key,
    kind: node.type,
    description: node.description ?? '',
    tags: node.tags,
    notes,
    initial: node.type === 'compound' ? node.initial.target[0]?.id : undefined,
    states: Object.values(node.states).map(child => readState(child, draw)),
  }
}

function isInside(node: AnyStateNode, ancestor: AnyStateNode): boolean {
  return node.parent !== undefined && (node.parent === ancestor || isInside(node.parent, ancestor))
}

interface Labelled {
  transition: AnyTransitionDefinition
  label: ChartLabel
}

function labelled(node: AnyStateNode): Labelled[] {
  const delays = new Map<string, string>(node.after.map(({ eventType, delay }) => [eventType, `after ${duration(delay)}`]))
  const groups: [string, readonly AnyTransitionDefinition[]][] = [
    ['always', node.always ?? []],
    ...[...node.transitions].map(([event, transitions]): [string, readonly AnyTransitionDefinition[]] => [
      delays.get(event) ?? trigger(node, event),
      transitions,
    ]),
  ]
  return groups.flatMap(([name, transitions]) =>
    transitions.map((transition, at) => ({
      transition,
      label: { trigger: name, guard: transition.guard ? guard(transition.guard) : at > 0 ? 'else' : '' },
    })),
  )
}

function trigger(node: AnyStateNode, event: string): string {
  if (event === '*') return 'any other event'
  const [, what, actor] = /^xstate\.(done\.actor|done\.state|error\.actor|snapshot)\.(.*)$/.exec(event) ?? []
  if (!what) return event
  const name = what === 'error.actor' ? 'onError' : what === 'snapshot' ? 'onSnapshot' : 'onDone'
  return what !== 'done.state' && node.invoke.length > 1 ? `${name} ${actor}` : name
}

function duration(delay: unknown): string {
  if (typeof delay === 'string') return delay
  if (typeof delay !== 'number') return 'a delay'
  return delay < 1_000 ? `${delay} ms` : delay < 120_000 ? `${delay / 1_000} s` : `${delay / 60_000} min`
}

function guard(value: unknown): string {
  if (typeof value === 'string') return value
  const { type, guards, name } = value as { type?: string; guards?: readonly unknown[]; name?: string }
  if (guards) return name === 'not' ? `not ${guards.map(guard).join()}` : guards.map(guard).join(` ${name} `)
  return type ?? 'a condition'
}

/** "entry / a, b", or nothing. */
function effects(when: string, actions: readonly unknown[]): string[] {
  const names = actions.map(action).filter(Boolean)
  return names.length === 0 ? [] : [`${when} / ${names.join(', ')}`.trim()]
}

function action(value: unknown): string {
  if (typeof value === 'string') return value
  const { type = 'an action', event } = value as { type?: string; event?: { type?: string } }
  // XState writes a delayed transition as a timer that is set on entry and cancelled on exit; the arrow says it already.
  if (type === 'xstate.cancel' || event?.type?.startsWith('xstate.after.')) return ''
  return type === 'xstate.raise' && event?.type ? `raise ${event.type}` : type.replace(/^xstate\./, '')
}
