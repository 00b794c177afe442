/** The stream of a run. */
export const runStream = (runId: string): string => `run/${runId}`

export const runIdOf = (stream: string): string => stream.slice('run/'.length)

/** The key that names the latest run of a caller's id; it moves from run to run. */
export const latestKey = (id: string): string => `latest/${id}`
