/** An engine that speaks the language of another one, and breaks what jobs rely on. */
export interface ForeignEngine {
  /** Found in what the server says of its version. */
  readonly sign: RegExp;
  readonly name: string;
  /** What is known of it. */
  readonly fault: string;
}

/** The engine behind a server's own description, with what is wrong with it; undefined for none of these. */
export function foreignEngine(description: string, engines: readonly ForeignEngine[]): string | undefined {
  const engine = engines.find(({ sign }) => sign.test(description));
  return engine && `${engine.name} (${engine.fault})`;
}
