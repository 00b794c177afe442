// GET /runs/{id}, GET /runs/{id}/events and POST /runs/{id}/stop.
import { served } from '../../../lifechart.ts'

/** Nothing of this is known when the app is built. */
export const dynamic = 'force-dynamic'
/** A run outlives its requests: it needs a process that stays. */
export const runtime = 'nodejs'

const answer = async (request: Request) => (await served()).runs(request)
export const GET = answer
export const POST = answer
