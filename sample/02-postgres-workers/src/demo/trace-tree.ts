import type { ToldSpan } from '../telemetry/tracing.js';

/** The lines of one trace as a tree, each span below its parent; times count from the root. */
export function traceTree(spans: readonly ToldSpan[]): string[] {
  const root = spans.find(({ parentSpanId }) => parentSpanId === undefined);
  if (!root) return [];
  const lines: string[] = [];
  const add = (span: ToldSpan, lead: string, branch: string): void => {
    const begins = `+${(span.startedAt - root.startedAt).toFixed(0)} ms`;
    const takes = `${span.durationMs.toFixed(0)} ms`;
    const name = (branch + span.name).padEnd(29);
    lines.push(
      `${name} ${span.kind.padEnd(9)}${String(span.pid).padEnd(9)}${begins.padStart(8)}${takes.padStart(9)}`,
    );
    const below = spans
      .filter(({ parentSpanId }) => parentSpanId === span.spanId)
      .sort((left, right) => left.startedAt - right.startedAt);
    for (const [index, child] of below.entries()) {
      const last = index === below.length - 1;
      add(child, lead + (last ? '   ' : '│  '), lead + (last ? '└─ ' : '├─ '));
    }
  };
  add(root, '', '');
  return ['span                          kind     process    begins    takes', ...lines];
}
