// Builds the page of the dashboard to one module that exports it as a text, so that no bundler and no module format needs a path of a file:
// lib/dashboard/page.generated.ts.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const MAX_GZIP_BYTES = 30_000;

const root = fileURLToPath(new URL('../lib/dashboard/ui', import.meta.url));
const target = fileURLToPath(new URL('../lib/dashboard/page.generated.ts', import.meta.url));

const { output } = await build({
  root,
  configFile: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    write: false,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: false,
    cssCodeSplit: false,
  },
});
const script = only('chunk').code.trim();
const style = String(only('asset', '.css').source).trim();
if (/<\/(script|style)|<!--/i.test(script + style)) {
  throw new Error('The script or the style has a text that would end it, or open a comment, within HTML.');
}
const index = (await readFile(`${root}/index.html`, 'utf8')).replace(/\n\s*/g, '');
const html = index
  .replace(/<script type="module" src="[^"]*"><\/script>/, () => `<script type="module">${script}</script>`)
  .replace('</head>', () => `<style>${style}</style></head>`);

const size = gzipSync(html, { level: 9 }).length;
if (size > MAX_GZIP_BYTES)
  throw new Error(`The page takes ${size} bytes with gzip; ${MAX_GZIP_BYTES} are the limit.`);

await writeFile(
  target,
  `/** The page, made by \`npm run build:dashboard\`: do not edit. */\nexport const PAGE_HTML: string = ${JSON.stringify(html)};\n`,
);
console.log(`dashboard: ${html.length} bytes, ${size} with gzip`);

function only(type, end = '') {
  const found = output.filter((file) => file.type === type && file.fileName.endsWith(end));
  if (found.length !== 1) throw new Error(`One ${type} expected, ${found.length} made.`);
  return found[0];
}
