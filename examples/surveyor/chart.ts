import { runMachine, taskMachine } from 'lifechart/machines'
import type { AnyStateMachine } from 'xstate'
import { type ChartState, outlineOf, readChart } from '../../scripts/charts/chart.ts'
import type { Direction } from '../../scripts/charts/graph.ts'
import { layOut } from '../../scripts/charts/layout.ts'
import { drawSvg } from '../../scripts/charts/svg.ts'
import type { Theme } from '../../scripts/charts/theme.ts'

/** A chart for a page to light. */
export interface DrawnChart {
  svg: string
  /** What the states say of themselves, by path. */
  descriptions: ReadonlyMap<string, string>
}

export const drawRunChart = () => drawChart(runMachine, 'DOWN')
export const drawTaskChart = () => drawChart(taskMachine, 'RIGHT')

/** In the colours that the style sheet of the page sets. */
async function drawChart(machine: AnyStateMachine, direction: Direction): Promise<DrawnChart> {
  const chart = readChart(machine)
  const layout = await layOut(outlineOf(chart), direction)
  return { svg: drawSvg(layout, variables, `${machine.id}-`), descriptions: new Map(chart.root.states.flatMap(state => describe(state))) }
}

function describe(state: ChartState, within = ''): [string, string][] {
  const path = within + state.name
  return [[path, state.description], ...state.states.flatMap(inner => describe(inner, `${path}.`))]
}

/** The style sheet knows what they are, in the light and in the dark. */
const variables: Theme = {
  canvas: 'var(--card)',
  frame: 'none',
  surfaces: ['var(--surface)', 'var(--card)'],
  border: 'var(--border)',
  bar: 'var(--bar)',
  finalBar: 'var(--final-bar)',
  finalBorder: 'var(--final-border)',
  text: 'var(--text)',
  muted: 'var(--muted)',
  accent: 'var(--accent)',
  line: 'var(--line)',
  label: 'var(--card)',
  labelBorder: 'var(--frame)',
}
