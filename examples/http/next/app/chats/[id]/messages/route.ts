// POST /chats/{id}/messages starts a run: that is the app's own, the routes of /runs show and stop what is there.
import { authorize, served } from '../../../../lifechart.ts'

export const dynamic = 'force-dynamic'
export const runtime = 'nodejs'

export async function POST(request: Request, { params }: { params: Promise<{ id: string }> }): Promise<Response> {
  const { id } = await params
  if (!(await authorize({ request, action: 'events', id }))) return new Response(null, { status: 404 })
  // A page of another origin may send a form or plain text without being asked for its leave; JSON it may not.
  if (request.headers.get('content-type') !== 'application/json') return new Response('Send JSON.', { status: 415 })
  const { lifechart, runs } = await served()
  const run = lifechart.runs.start(id, { type: 'reply', input: await request.json() })
  await run.started
  const { runId } = run
  if (request.headers.get('accept') === 'text/event-stream') return runs.events(request, { id, runId })
  return Response.json({ id, runId }, { status: 202 })
}
