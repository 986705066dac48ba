import type { Context, Tracer } from '@opentelemetry/api'

/** One statement, when it has ended. */
export interface StatementSpan {
  readonly command: string
  /** Without its literals, so that no data gets into traces. */
  readonly shape: string
  /** `host:port` of the node that answered last; null when none was found. */
  readonly node: string | null
  readonly role: 'primary' | 'standby' | null
  readonly connection: 'lane' | 'own' | null
  readonly repeats: number
  readonly startedAtMs: number
  readonly error: Error | null
}

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

  static async find(): Promise<Telemetry | null> {
    try {
      return new Telemetry(await import('@opentelemetry/api'))
    } catch {
      return null
    }
  }

  /** What surrounds a statement at its start: the span it will be a child of. */
  context(): Context {
    return this.#api.context.active()
  }

  record(span: StatementSpan, parent: Context): void {
    const { SpanKind, SpanStatusCode } = this.#api
    const [host, port] = splitAddress(span.node)
    const otel = this.#tracer.startSpan(
      span.command || 'statement',
      {
        kind: SpanKind.CLIENT,
        startTime: performance.timeOrigin + span.startedAtMs,
        attributes: {
          'db.system.name': 'postgresql',
          'db.operation.name': span.command,
          'db.query.text': span.shape,
          ...(host === null ? {} : { 'server.address': host, 'server.port': port }),
          ...(span.role === null ? {} : { 'pgherd.role': span.role }),
          ...(span.connection === null ? {} : { 'pgherd.connection': span.connection }),
          'pgherd.repeats': span.repeats,
        },
      },
      parent,
    )
    if (span.error !== null) {
      const { code } = span.error as { code?: unknown }
      otel.recordException(span.error)
      otel.setStatus({ code: SpanStatusCode.ERROR, message: span.error.message })
      if (typeof code === 'string') otel.setAttribute('db.response.status_code', code)
    }
    otel.end()
  }
}

function splitAddress(node: string | null): [string | null, number] {
  const colon = node?.lastIndexOf(':') ?? -1
  return node === null || colon < 0 ? [null, 0] : [node.slice(0, colon), Number(node.slice(colon + 1))]
}
