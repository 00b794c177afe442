const breaks = /\r\n|\r|\n/

/** The lines of a field that holds text of any kind: a reader joins them again. */
export function dataLines(text: string): string {
  if (!text.includes('\n') && !text.includes('\r')) return `data: ${text}\n`
  let lines = ''
  for (const line of text.split(breaks)) lines += `data: ${line}\n`
  return lines
}

export const eventStream = 'text/event-stream'
