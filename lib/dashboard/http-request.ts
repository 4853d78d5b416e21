import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { DashboardRequest } from './dashboard.options.js';

/** A request, whichever framework it comes through. */
export class HttpRequest {
  /** What arrived. */
  readonly raw: IncomingMessage;

  constructor(
    /** What functions of the application get. */
    readonly original: DashboardRequest,
  ) {
    this.raw = (original['raw'] ?? original) as IncomingMessage;
  }

  get headers(): IncomingHttpHeaders {
    return this.raw.headers;
  }

  /** One text, whatever a client sends; empty without the header. */
  header(name: string): string {
    const value = this.headers[name];
    return Array.isArray(value) ? value.join(', ') : (value ?? '');
  }

  /** What a framework or a body parser has made of the body, if there was one. */
  get body(): unknown {
    return this.original['body'];
  }

  /** The parameters of the query, taken from the target itself: frameworks read some of them in ways of their own. */
  get query(): Readonly<Record<string, unknown>> {
    const [, search = ''] = /\?([^#]*)/.exec(this.raw.url ?? '') ?? [];
    const parameters = new URLSearchParams(search);
    const names = [...new Set(parameters.keys())];
    return Object.fromEntries(names.map((name) => [name, only(parameters.getAll(name))]));
  }

  get acceptsHtml(): boolean {
    return /\btext\/html\b/i.test(this.header('accept'));
  }

  get acceptsGzip(): boolean {
    return /(?:^|,)\s*gzip\s*(?:$|,|;\s*q=(?!0(?:\.0*)?\s*(?:,|$)))/i.test(this.header('accept-encoding'));
  }
}

function only(values: readonly string[]): string | readonly string[] {
  return values.length === 1 ? values[0]! : values;
}
