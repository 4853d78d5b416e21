import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** The suites and tests that a reason has skipped, and how many tests that makes of each. */
type Skipped = Map<string, number>;

/**
 * Prints at the end what did not run and why, since the default reporter only counts it.
 *
 * The reason is the note of `context.skip(note)`, else `(skipped: …)` in a title. A reason that skips much is told with
 * the number of its tests; `CI` names them all.
 */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const reasons = new Map<string, Skipped>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const { title, reason } = explain(test);
        const skipped = reasons.get(reason) ?? new Map<string, number>();
        const name = `${module.relativeModuleId} > ${title}`;
        reasons.set(reason, skipped.set(name, (skipped.get(name) ?? 0) + 1));
      }
    }
    if (reasons.size > 0) console.log('\nSkipped:');
    for (const [reason, skipped] of reasons) {
      console.log(`  ${reason} (${tests(sum(skipped.values()))})`);
      if (!process.env.CI && skipped.size > 10) continue;
      for (const [name, count] of skipped) console.log(`    ${name} (${tests(count)})`);
    }
  }
}

function explain(test: TestCase): { title: string; reason: string } {
  const { parent } = test;
  const wholeSuite = parent.type === 'suite' && parent.options.mode === 'skip';
  const title = wholeSuite ? parent.fullName : test.fullName;
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  const inTitle = /\(skipped: ((?:[^()]|\([^()]*\))*)\)/;
  const reason = note ?? inTitle.exec(test.fullName)?.[1] ?? 'no reason given';
  return { title: title.replace(inTitle, '').trim(), reason };
}

function sum(counts: Iterable<number>): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}

function tests(count: number): string {
  return `${count} ${count === 1 ? 'test' : 'tests'}`;
}
