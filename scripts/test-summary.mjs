// Adds up Vitest's JSON reports: `node scripts/test-summary.mjs report.json…`. Fails when a test failed, a
// file could not be loaded, or nothing ran.
import { readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;
let skipped = 0;
let sound = true;
for (const file of process.argv.slice(2)) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  sound &&= report.success;
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = sound && failed === 0 && passed > 0 ? 0 : 1;
