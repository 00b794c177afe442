import type { AgentCard } from '@a2a-js/sdk'
import type { ExtendedAgentCardProvider, ServerCallContext } from '@a2a-js/sdk/server'
import type { Message } from '../tasks/model.ts'
import {
  ContentTypeNotSupportedError,
  ExtendedAgentCardNotConfiguredError,
  ExtensionSupportRequiredError,
  PushNotificationNotSupportedError,
  UnsupportedOperationError,
} from './errors.ts'

/** Signs a card (A2A 1.0, section 8.4). */
export type SignCard = (card: AgentCard) => Promise<AgentCard>

export interface CardOptions {
  agentCard: AgentCard
  /** The card for callers that are authenticated, or a function that finds it. */
  extendedAgentCard?: AgentCard | ExtendedAgentCardProvider | undefined
  signCard?: SignCard | undefined
  /** Refuses parts of media types that the card does not name. Default false. */
  validateInputModes?: boolean | undefined
}

/** The agent's card, and what it promises or forbids. */
export class Cards {
  readonly #options: CardOptions

  constructor(options: CardOptions) {
    this.#options = options
  }

  async card(): Promise<AgentCard> {
    return this.#signed(this.#options.agentCard)
  }

  /** `UnsupportedOperation` when the card promises none, `ExtendedAgentCardNotConfigured` when there is none (section 3.1.11). */
  async extended(context: ServerCallContext): Promise<AgentCard> {
    const { agentCard, extendedAgentCard } = this.#options
    if (!agentCard.capabilities?.extendedAgentCard) throw new UnsupportedOperationError('This agent has no extended card.')
    if (!extendedAgentCard) throw new ExtendedAgentCardNotConfiguredError()
    if (typeof extendedAgentCard === 'function') return this.#signed(await extendedAgentCard(context))
    return this.#signed(context.user?.isAuthenticated ? extendedAgentCard : agentCard)
  }

  async #signed(card: AgentCard): Promise<AgentCard> {
    return this.#options.signCard ? this.#options.signCard(card) : card
  }

  /** `UnsupportedOperation` unless the card says that the agent streams (section 3.3.4). */
  assertStreams(): void {
    if (!this.#options.agentCard.capabilities?.streaming) throw new UnsupportedOperationError('This agent does not stream.')
  }

  get pushes(): boolean {
    return this.#options.agentCard.capabilities?.pushNotifications === true
  }

  /** `PushNotificationNotSupported` unless the card says so (section 3.3.4). */
  assertPushes(): void {
    if (!this.pushes) throw new PushNotificationNotSupportedError()
  }

  /** `ContentTypeNotSupported` for a part that the agent does not take. */
  checkParts({ parts }: Message): void {
    const modes = this.#options.agentCard.defaultInputModes ?? []
    if (!this.#options.validateInputModes || modes.length === 0) return
    const foreign = parts.find(({ mediaType }) => mediaType && !modes.includes(mediaType))
    if (foreign) throw new ContentTypeNotSupportedError(`This agent does not take ${foreign.mediaType}. It takes ${modes.join(', ')}.`)
  }

  /** `ExtensionSupportRequired` when the client does not know an extension that it must; those that the agent does not know are dropped. */
  checkExtensions(context: ServerCallContext): void {
    const extensions = this.#options.agentCard.capabilities?.extensions ?? []
    const requested = context.requestedExtensions
    const missing = extensions.filter(({ required, uri }) => required && !requested?.includes(uri))
    if (missing.length > 0) {
      throw new ExtensionSupportRequiredError(`This agent needs clients that know ${missing.map(({ uri }) => uri).join(', ')}.`)
    }
    if (requested) context.setRequestedExtensions(requested.filter(uri => extensions.some(known => known.uri === uri)))
  }
}
