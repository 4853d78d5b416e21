import { Logger, type LoggerService } from '@nestjs/common';
import { afterAll, expect, it, vi } from 'vitest';
import { LineLogger } from '../../lib/core/line-logger.js';

const trap = vi.fn(() => {
  throw new Error('the log is full');
});

afterAll(() => Logger.overrideLogger(['error', 'warn']));

it.each(['error', 'warn', 'log', 'debug'] as const)(
  'what is logged about goes on, where the logger of the application throws: %s',
  (level) => {
    trap.mockClear();
    const failing: LoggerService = { error: trap, warn: trap, log: trap, debug: trap };
    Logger.overrideLogger(failing);
    new LineLogger('context')[level]('a line');
    expect(trap).toHaveBeenCalledTimes(1);
  },
);
