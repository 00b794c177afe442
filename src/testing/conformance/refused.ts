import assert from 'node:assert/strict'
import { type ErrorCode, isLifechartError } from '../../errors.ts'

/** Asserts that a call is refused with a code, and that its details hold at least these facts. */
export async function refused(call: Promise<unknown>, code: ErrorCode, facts: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await assert.rejects(call, error => {
    if (!isLifechartError(error)) throw error
    assert.equal(error.code, code, `refused with ${error.code} (${error.message}) instead of ${code}`)
    for (const [name, value] of Object.entries(facts)) assert.deepEqual(error.details[name], value, `details.${name} of ${code}`)
    return true
  })
}
