import { type ArrowLabel, arrowLabel, type Box, stateBox } from './boxes.ts'
import type { Chart, ChartArrow, ChartState } from './chart.ts'
import { fonts } from './text.ts'

export interface Point {
  x: number
  y: number
}

/** What of the layout engine's format is used here. */
interface Shape {
  id: string
  x?: number
  y?: number
  width?: number
  height?: number
  layoutOptions?: Record<string, string>
}

export interface Node extends Shape {
  children?: Node[]
  edges?: Edge[]
}

export interface Edge extends Shape {
  sources: string[]
  targets: string[]
  labels?: (Shape & { text: string })[]
  sections?: { startPoint: Point; endPoint: Point; bendPoints?: Point[] }[]
}

/** The chart as the engine is asked to lay it out, and what will be written where it puts things. */
export interface Graph {
  root: Node
  boxes: ReadonlyMap<string, Box>
  labels: ReadonlyMap<string, ArrowLabel>
}

export type Direction = 'RIGHT' | 'DOWN'

/** Whether states and arrows stand in the order of the file as far as that costs no crossing. */
export type Order = 'as written' | 'any'

export const dotSize = 11

const everywhere = {
  'elk.algorithm': 'layered',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.randomSeed': '1',
}

const inStates = {
  'elk.spacing.nodeNode': '40',
  'elk.spacing.edgeNode': '24',
  'elk.spacing.edgeEdge': '18',
  'elk.spacing.edgeLabel': '6',
  'elk.layered.spacing.nodeNodeBetweenLayers': '26',
  'elk.layered.spacing.edgeNodeBetweenLayers': '20',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '16',
  'elk.layered.cycleBreaking.strategy': 'GREEDY',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.separateConnectedComponents': 'false',
}

export function buildGraph(chart: Chart, direction: Direction, order: Order): Graph {
  const boxes = new Map<string, Box>()
  const labels = new Map<string, ArrowLabel>()
  const root = stateNode(chart.root)
  const edges = chart.arrows.map(arrowEdge)
  Object.assign((root.layoutOptions ??= {}), everywhere, { 'elk.direction': direction })
  return { root: { ...root, edges: [...initialEdges(chart.root), ...edges] }, boxes, labels }

  function stateNode(state: ChartState, parent?: ChartState): Node {
    const isRegion = parent?.kind === 'parallel'
    const box = stateBox(state, !parent || isRegion, parent ? fonts.title : fonts.heading)
    boxes.set(state.id, box)
    if (state.states.length === 0) return { id: state.id, width: box.width, height: box.height }
    const dot: Node[] = state.initial ? [{ id: dotOf(state), width: dotSize, height: dotSize }] : []
    const layoutOptions = {
      ...inStates,
      'elk.layered.considerModelOrder.strategy': order === 'as written' ? 'PREFER_EDGES' : 'NONE',
      'elk.padding': `[top=${box.height + 14},left=24,bottom=24,right=24]`,
      ...(isRegion ? { 'elk.alignment': direction === 'DOWN' ? 'TOP' : 'LEFT' } : {}),
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${box.width},${box.height})`,
    }
    return { id: state.id, children: [...dot, ...state.states.map(child => stateNode(child, state))], layoutOptions }
  }

  function arrowEdge(arrow: ChartArrow, at: number): Edge {
    const id = `arrow ${at}`
    return {
      id,
      sources: [arrow.from],
      targets: [arrow.to],
      labels: arrow.labels.length === 0 ? [] : [edgeLabel(id, arrowLabel(arrow.labels))],
      // Of two states that lead to each other, the one that stands first in the file stands first in the picture.
      layoutOptions: { 'elk.layered.priority.direction': isForward(arrow) ? '10' : '0' },
    }
  }

  function edgeLabel(id: string, label: ArrowLabel): Shape & { text: string } {
    labels.set(id, label)
    const layoutOptions = { 'elk.edgeLabels.inline': 'true', 'elk.edgeLabels.placement': 'CENTER' }
    return { id: `${id}: label`, text: ' ', width: label.width, height: label.height, layoutOptions }
  }

  function isForward({ from, to }: ChartArrow): boolean {
    const states = [...boxes.keys()]
    return states.indexOf(from) < states.indexOf(to)
  }
}

function dotOf(state: ChartState): string {
  return `${state.id}: first`
}

function initialEdges(state: ChartState): Edge[] {
  const own = state.initial ? [{ id: `${state.id}: enter`, sources: [dotOf(state)], targets: [state.initial] }] : []
  return [...own, ...state.states.flatMap(initialEdges)]
}
