#!/usr/bin/env node
import { runProgram } from './program.js';
import { processTerminal } from './terminal.js';

// Whoever reads the output may have seen enough of it.
process.stdout.on('error', () => process.exit(0));

// Nothing is under way any more, but a pool may keep the process for a while.
process.exit(await runProgram(process.argv.slice(2), processTerminal()));
