import { createRequire } from 'node:module'
import type { Attributes, Context, Tracer } from '@opentelemetry/api'
import type { Destination, Statement, Surroundings } from './statement.js'

/**
 * Spans for OpenTelemetry, named and marked as its semantic conventions for databases ask. There are none
 * unless the application has `@opentelemetry/api`.
 */
export class Telemetry {
  readonly #api: typeof import('@opentelemetry/api')
  readonly #tracer: Tracer

  private constructor(api: typeof import('@opentelemetry/api')) {
    this.#api = api
    this.#tracer = api.trace.getTracer('@pgherd/client')
  }

  /** Null when the application has none. */
  static find(): Telemetry | null {
    try {
      return new Telemetry(createRequire(import.meta.url)('@opentelemetry/api'))
    } catch {
      return null
    }
  }

  surroundings(): Surroundings {
    return this.#api.context.active()
  }

  /** A statement has ended. Literals are not told, so that no data gets into traces. */
  record({ record, surroundings, startedAtMs, sentTo, repeats }: Statement, error: Error | null): void {
    const { SpanKind, SpanStatusCode } = this.#api
    const { command } = record.facts
    const span = this.#tracer.startSpan(
      command || 'statement',
      {
        kind: SpanKind.CLIENT,
        startTime: performance.timeOrigin + startedAtMs,
        attributes: {
          'db.system.name': 'postgresql',
          'db.operation.name': command,
          'db.query.text': record.shape,
          ...(sentTo === null ? {} : attributesOf(sentTo)),
          'pgherd.repeats': repeats,
        },
      },
      (surroundings ?? undefined) as Context | undefined,
    )
    if (error !== null) {
      const { code } = error as { code?: unknown }
      span.recordException(error)
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
      if (typeof code === 'string') span.setAttribute('db.response.status_code', code)
    }
    span.end()
  }
}

function attributesOf({ node, role, connection }: Destination): Attributes {
  const colon = node.lastIndexOf(':')
  return {
    'server.address': node.slice(0, colon),
    'server.port': Number(node.slice(colon + 1)),
    'pgherd.role': role,
    'pgherd.connection': connection,
  }
}
