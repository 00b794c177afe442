import { createRequire } from 'node:module'
import type { ArrowLabel, Box } from './boxes.ts'
import type { Chart, ChartState } from './chart.ts'
import { buildGraph, type Direction, dotSize, type Edge, type Graph, type Node, type Order, type Point } from './graph.ts'

export interface PlacedState extends Point {
  state: ChartState
  box: Box
  depth: number
  width: number
  height: number
  children: readonly PlacedState[]
}

export interface PlacedArrow {
  points: readonly Point[]
  label: (Point & ArrowLabel) | undefined
}

export interface Layout {
  root: PlacedState
  arrows: readonly PlacedArrow[]
  /** The middles of the dots that point to the states entered first. */
  dots: readonly Point[]
}

// Its declarations need the DOM's.
const Elk = createRequire(import.meta.url)('elkjs') as new () => { layout(graph: Node): Promise<Node> }

/** Wider than this, text is too small to read where a page gives the picture a column. */
const widest = 1_100

/** Without a direction: from left to right where there is room for it, else from top to bottom. */
export async function layOut(chart: Chart, direction?: Direction): Promise<Layout> {
  if (direction) return layOutTo(direction, chart)
  const sideways = await layOutTo('RIGHT', chart)
  return sideways.root.width <= widest ? sideways : layOutTo('DOWN', chart)
}

/** The order of the file reads best; the engine breaks down over it in some nested charts, and any order is better than none. */
function layOutTo(direction: Direction, chart: Chart): Promise<Layout> {
  return layOutIn('as written', direction, chart).catch(() => layOutIn('any', direction, chart))
}

async function layOutIn(order: Order, direction: Direction, chart: Chart): Promise<Layout> {
  const graph = buildGraph(chart, direction, order)
  const found = await new Elk().layout(graph.root)
  const dots: Point[] = []
  const root = placeState(chart.root, found, 0, graph, dots)
  return { root, arrows: (found.edges ?? []).map(edge => placeArrow(edge, graph)), dots }
}

function placeState(state: ChartState, found: Node, depth: number, graph: Graph, dots: Point[]): PlacedState {
  const box = graph.boxes.get(state.id)
  if (!box) throw new Error(`The layout has no box for "${state.id}".`)
  const children: PlacedState[] = []
  for (const child of found.children ?? []) {
    const inner = state.states.find(({ id }) => id === child.id)
    if (inner) children.push(placeState(inner, child, depth + 1, graph, dots))
    else dots.push({ x: (child.x ?? 0) + dotSize / 2, y: (child.y ?? 0) + dotSize / 2 })
  }
  const { x = 0, y = 0, width = 0, height = 0 } = found
  return { state, box, depth, x, y, width: Math.max(width, box.width), height: Math.max(height, box.height), children }
}

function placeArrow({ id, labels = [], sections = [] }: Edge, graph: Graph): PlacedArrow {
  const points = sections.flatMap(({ startPoint, bendPoints = [], endPoint }) => [startPoint, ...bendPoints, endPoint])
  const [shape, label] = [labels[0], graph.labels.get(id)]
  return { points, label: shape && label && { ...label, x: shape.x ?? 0, y: shape.y ?? 0 } }
}
