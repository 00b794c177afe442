// POST /chats/{id}/messages starts a run: that is the app's own, the routes of /runs show and stop what is there.
import { served } from '../../../../lifechart.ts'

export const dynamic = 'force-dynamic'
export const runtime = 'nodejs'

export async function POST(request: Request, { params }: { params: Promise<{ id: string }> }): Promise<Response> {
  const { id } = await params
  const { lifechart, runs } = await served()
  return runs.start(request, { id, begin: input => lifechart.runs.start(id, { type: 'reply', input }) })
}
