import { type Asked, mayBeCancelled, pathsOf } from './asked.ts'
import { element, filled, light, number, write } from './document.ts'
import { counted } from './fold.ts'

/** Draws a task of the agent, at most once per frame. */
export function openAgentView() {
  const first = element('question').textContent ?? ''
  let next: Asked | undefined

  function draw(): void {
    if (!next) return
    const { state, attempt, question, findings, report, rows } = next
    write('question', question ?? first).dataset.is = question === undefined ? '' : 'asked'
    element('ask')
      .querySelector('button')
      ?.replaceChildren(question === undefined ? 'Ask' : 'Answer')
    element('cancel').ariaDisabled = String(!mayBeCancelled(next))
    number('told-findings', findings, counted(findings))
    element('told-rows').replaceChildren(...rows.map(item))
    write('report', report).hidden = report === ''
    element('task').dataset.status = state
    write('task-status', state)
    write('task-attempt', `execution ${attempt}`).hidden = attempt === 1
    light(element('task'), ...pathsOf(next))
    next = undefined
  }

  return {
    show(asked: Asked): void {
      if (!next) requestAnimationFrame(draw)
      next = asked
    },
    /** What went wrong, until something else is said. */
    notice(text = ''): void {
      write('agent-notice', text).hidden = text === ''
    },
  }
}

function item({ what, note }: Asked['rows'][number]): HTMLElement {
  const [state, aside] = [filled('span', what), filled('bdi', note)]
  state.className = 'what'
  aside.className = 'note'
  aside.title = aside.textContent ?? ''
  return filled('li', state, aside)
}
