import type { AgentCard } from '@a2a-js/sdk'

/** Where the agent is served. */
export interface Places {
  /** Of the server over HTTP, without a slash at its end. */
  url: string
  /** Host and port of gRPC. */
  grpc: string
}

/** What the agent says of itself. */
export function agentCard({ url, grpc }: Places): AgentCard {
  const at = (protocolBinding: string, address: string) => ({ url: address, protocolBinding, tenant: '', protocolVersion: '1.0' })
  return {
    name: 'Surveyor',
    description: 'Walks a directory, tells what it finds as it goes, and reports.',
    supportedInterfaces: [at('JSONRPC', `${url}/a2a/jsonrpc`), at('HTTP+JSON', `${url}/a2a/rest`), at('GRPC', grpc)],
    provider: undefined,
    version: '1.0.0',
    capabilities: { streaming: true, pushNotifications: false, extensions: [], extendedAgentCard: false },
    securitySchemes: {},
    securityRequirements: [],
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['application/json', 'text/markdown'],
    skills: [
      {
        id: 'survey',
        name: 'Survey a directory',
        description:
          'The message names a directory: "." or a path below the one that the server was started with, or the name of one somewhere below. The artifact "findings" grows by a part for each finding; the artifact "report" is a summary.',
        tags: ['files', 'survey'],
        examples: ['.', 'src', 'examples/surveyor'],
        inputModes: ['text/plain'],
        outputModes: ['application/json', 'text/markdown'],
        securityRequirements: [],
      },
    ],
    signatures: [],
  }
}
