import 'reflect-metadata';
import { issueInvoice } from './issue-invoice.js';
import { runDemonstration } from './demo/demonstration.js';

const [command, ...args] = process.argv.slice(2);
if (command === 'demo') process.exitCode = await runDemonstration(args[0]);
else if (command === 'issue') await issueInvoice(args);
else {
  console.error('Say what to do: demo, or issue <tenant> <number> <cents>');
  process.exitCode = 1;
}
