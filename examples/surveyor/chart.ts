import { runMachine } from 'lifechart/machines'
import { type ChartState, outlineOf, readChart } from '../../scripts/charts/chart.ts'
import { layOut } from '../../scripts/charts/layout.ts'
import { drawSvg } from '../../scripts/charts/svg.ts'
import type { Theme } from '../../scripts/charts/theme.ts'

/** The chart of a run, for a page to light. */
export interface DrawnChart {
  svg: string
  /** What the states say of themselves, by path. */
  descriptions: ReadonlyMap<string, string>
}

/** The chart of a run in the colours that the style sheet of the page sets. */
export async function drawRunChart(): Promise<DrawnChart> {
  const chart = readChart(runMachine)
  const layout = await layOut(outlineOf(chart), 'DOWN')
  return { svg: drawSvg(layout, variables), descriptions: new Map(chart.root.states.flatMap(state => describe(state))) }
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
