import { LifechartError } from '../errors.ts'
import { frozenCopy } from '../kernel/json.ts'
import type { Artifact, JsonObject, Message, Part, PartContent, Task, TaskStatus } from './model.ts'

/*
 * The data model as it is stored: JSON, without what is empty, bytes as base64. What is encoded shares nothing with the original, and
 * what is decoded nothing with what is stored.
 */

export interface StoredPart {
  text?: string
  raw?: string
  url?: string
  data?: unknown
  metadata?: JsonObject
  filename?: string
  mediaType?: string
}

export interface StoredMessage {
  messageId: string
  contextId?: string
  taskId?: string
  role: number
  parts: readonly StoredPart[]
  metadata?: JsonObject
  extensions?: readonly string[]
  referenceTaskIds?: readonly string[]
}

export interface StoredArtifact {
  artifactId: string
  name?: string
  description?: string
  parts: readonly StoredPart[]
  metadata?: JsonObject
  extensions?: readonly string[]
}

export interface StoredStatus {
  state: number
  message?: StoredMessage
  /** Milliseconds. */
  at: number
}

export interface StoredTask {
  status: StoredStatus
  artifacts?: readonly StoredArtifact[]
  history?: readonly StoredMessage[]
  metadata?: JsonObject
}

function invalid(what: string, wanted: string): LifechartError {
  return new LifechartError('AGENT_RESPONSE_INVALID', `${what} is not ${wanted}. See the data model of A2A 1.0.`)
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  throw invalid(what, 'a text')
}

function list<T>(value: readonly T[] | undefined | null, what: string): readonly T[] {
  if (Array.isArray(value)) return value
  if (value === undefined || value === null) return []
  throw invalid(what, 'a list')
}

function texts(value: readonly string[] | undefined, what: string): readonly string[] {
  return list(value, what).map(item => text(item, what))
}

function object(value: JsonObject, what: string): JsonObject {
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(what, 'an object')
  return frozenCopy(value, what)
}

export function encodeMetadata(metadata: JsonObject | undefined | null): { metadata?: JsonObject } {
  return metadata === undefined || metadata === null ? {} : { metadata: object(metadata, 'metadata') }
}

function encodePart(part: Part): StoredPart {
  if (typeof part !== 'object' || part === null) throw invalid('A part', 'an object')
  const stored: StoredPart = {}
  const { content, metadata, filename, mediaType } = part
  if (content) encodeContent(content, stored)
  if (metadata) stored.metadata = object(metadata, 'metadata')
  if (filename) stored.filename = text(filename, 'filename')
  if (mediaType) stored.mediaType = text(mediaType, 'mediaType')
  return stored
}

function encodeContent(content: PartContent, stored: StoredPart): void {
  switch (content.$case) {
    case 'text':
      stored.text = text(content.value, 'A text')
      break
    case 'raw':
      if (!(content.value instanceof Uint8Array)) throw invalid('The bytes of a part', 'a Buffer')
      stored.raw = Buffer.from(content.value.buffer, content.value.byteOffset, content.value.byteLength).toString('base64')
      break
    case 'url':
      stored.url = text(content.value, 'A url')
      break
    case 'data':
      stored.data = content.value === undefined ? null : frozenCopy(content.value, 'data')
      break
    default:
      throw invalid('The content of a part', 'text, raw, url or data')
  }
}

export function encodeParts(parts: readonly Part[] | undefined): readonly StoredPart[] {
  return list(parts, 'parts').map(encodePart)
}

export function encodeMessage(message: Message): StoredMessage {
  if (typeof message !== 'object' || message === null) throw invalid('A message', 'an object')
  const { contextId, taskId, role, metadata } = message
  const stored: StoredMessage = {
    messageId: text(message.messageId, 'messageId'),
    role: typeof role === 'number' ? role : 0,
    parts: encodeParts(message.parts),
  }
  if (contextId) stored.contextId = text(contextId, 'contextId')
  if (taskId) stored.taskId = text(taskId, 'taskId')
  if (metadata) stored.metadata = object(metadata, 'metadata')
  if (message.extensions?.length) stored.extensions = texts(message.extensions, 'extensions')
  if (message.referenceTaskIds?.length) stored.referenceTaskIds = texts(message.referenceTaskIds, 'referenceTaskIds')
  return stored
}

export function encodeArtifact(artifact: Artifact): StoredArtifact {
  if (typeof artifact !== 'object' || artifact === null) throw invalid('An artifact', 'an object')
  const { name, description, metadata } = artifact
  const artifactId = text(artifact.artifactId, 'artifactId')
  if (artifactId === '') throw invalid('The id of an artifact', 'a text that says something')
  const stored: StoredArtifact = { artifactId, parts: encodeParts(artifact.parts) }
  if (name) stored.name = text(name, 'name')
  if (description) stored.description = text(description, 'description')
  if (metadata) stored.metadata = object(metadata, 'metadata')
  if (artifact.extensions?.length) stored.extensions = texts(artifact.extensions, 'extensions')
  return stored
}

export function encodeArtifacts(artifacts: readonly Artifact[] | undefined): readonly StoredArtifact[] {
  return list(artifacts, 'artifacts').map(encodeArtifact)
}

export function encodeMessages(messages: readonly Message[] | undefined): readonly StoredMessage[] {
  return list(messages, 'history').map(encodeMessage)
}

/** A copy of JSON that is the caller's to change. */
export function thaw<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(thaw) as T
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const own = thaw((value as Record<string, unknown>)[key])
    // A member of this name would become the prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: own, enumerable: true, writable: true, configurable: true })
    else copy[key] = own
  }
  return copy as T
}

export function decodeMetadata(metadata: JsonObject | undefined): JsonObject | undefined {
  return metadata && thaw(metadata)
}

function decodePart(stored: StoredPart): Part {
  const { metadata, filename = '', mediaType = '' } = stored
  return { content: decodeContent(stored), metadata: metadata && thaw(metadata), filename, mediaType }
}

function decodeContent({ text, raw, url, data }: StoredPart): PartContent | undefined {
  if (text !== undefined) return { $case: 'text', value: text }
  if (raw !== undefined) return { $case: 'raw', value: Buffer.from(raw, 'base64') }
  if (url !== undefined) return { $case: 'url', value: url }
  return data === undefined ? undefined : { $case: 'data', value: thaw(data) }
}

export function decodeMessage(stored: StoredMessage): Message {
  const { messageId, contextId = '', taskId = '', role, parts, metadata, extensions, referenceTaskIds } = stored
  return {
    messageId,
    contextId,
    taskId,
    role,
    parts: parts.map(decodePart),
    metadata: metadata && thaw(metadata),
    extensions: extensions ? [...extensions] : [],
    referenceTaskIds: referenceTaskIds ? [...referenceTaskIds] : [],
  }
}

export function decodeArtifact(stored: StoredArtifact): Artifact {
  const { artifactId, name = '', description = '', parts, metadata, extensions } = stored
  return {
    artifactId,
    name,
    description,
    parts: parts.map(decodePart),
    metadata: metadata && thaw(metadata),
    extensions: extensions ? [...extensions] : [],
  }
}

export function decodeStatus({ state, message, at }: StoredStatus): TaskStatus {
  return { state, message: message && decodeMessage(message), timestamp: new Date(at).toISOString() }
}

export function decodeTask(id: string, contextId: string, { status, artifacts = [], history = [], metadata }: StoredTask): Task {
  return {
    id,
    contextId,
    status: decodeStatus(status),
    artifacts: artifacts.map(decodeArtifact),
    history: history.map(decodeMessage),
    metadata: decodeMetadata(metadata),
  }
}
