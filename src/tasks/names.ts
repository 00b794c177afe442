/** The stream of a task. */
export const taskStream = (taskId: string): string => `task/${taskId}`

export const taskIdOf = (stream: string): string => stream.slice('task/'.length)
