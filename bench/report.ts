/** One line of the benchmark. */
export interface Row {
  work: string
  ours: string
  compared: string
  ratio: string
  reach: string
  /** Undefined where nothing was to be reached. */
  met: boolean | undefined
}

const columns: (keyof Row)[] = ['work', 'ours', 'compared', 'ratio', 'reach', 'met']

export function table(rows: readonly Row[]): string {
  const cells = rows.map(row =>
    columns.map(column => (column === 'met' ? (row.met === undefined ? '' : row.met ? 'yes' : 'no') : row[column])),
  )
  const lines = [columns, columns.map(() => '---'), ...cells].map(line => `| ${line.join(' | ')} |`)
  return lines.join('\n')
}
