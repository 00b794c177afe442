import { ServerCallContext } from '@a2a-js/sdk/server'
import type { Caller } from '../tasks/request.ts'

/** On whose behalf a call is made: its tenant, and its user if it is authenticated. */
export function callerOf(context: ServerCallContext, params?: { tenant?: string }): Caller {
  const tenant = context.tenant || params?.tenant || undefined
  return { tenant, user: context.user?.isAuthenticated ? context.user.userName : undefined }
}

/** The context of a call that is gone with its process: who it was, and nothing else. */
export function recallContext({ tenant, user }: Caller): ServerCallContext {
  return new ServerCallContext({
    ...(tenant !== undefined && { tenant }),
    user: { isAuthenticated: user !== undefined, userName: user ?? '' },
  })
}
