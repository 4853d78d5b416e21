import original from 'node:console';

/**
 * Sends what is written to the streams of this process, by Nest's logger above all, by way of the console: Vitest
 * knows then which test it belongs to, and prints it only when that fails (`silent` in `vitest.config.ts`).
 */
function throughConsole(stream: NodeJS.WriteStream, print: (text: string) => void): void {
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    print((typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()).replace(/\n$/, ''));
    const callback = rest.at(-1);
    if (typeof callback === 'function') callback();
    return true;
  };
}

// With --disable-console-intercept the console itself writes to the streams.
if (globalThis.console !== original) {
  throughConsole(process.stdout, (text) => console.log(text));
  throughConsole(process.stderr, (text) => console.error(text));
}
