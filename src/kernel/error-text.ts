/** What a thrown value says of itself, for the log: anything can be thrown, also what throws again when it is looked at. */
export function errorText(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } catch {
    return 'something that can not be shown as text'
  }
}
