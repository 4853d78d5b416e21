import type { Reporter, TestModule } from 'vitest/node';

/**
 * Prints at the end what did not run and why, since the default reporter only counts it.
 *
 * The reason is the note of `context.skip(note)`, else part of the title of the skipped suite.
 */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = new Map<string, number>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const result = test.result();
        const note = result.state === 'skipped' ? result.note : undefined;
        const { parent } = test;
        const wholeSuite = parent.type === 'suite' && parent.options.mode === 'skip';
        const title = wholeSuite ? parent.fullName : test.fullName;
        const line = note ? `${title}: ${note}` : title;
        const key = `${module.relativeModuleId} > ${line}`;
        skipped.set(key, (skipped.get(key) ?? 0) + 1);
      }
    }
    if (skipped.size === 0) return;
    console.log('\nSkipped:');
    for (const [line, count] of skipped) {
      console.log(`  ${line} (${count} ${count === 1 ? 'test' : 'tests'})`);
    }
  }
}
