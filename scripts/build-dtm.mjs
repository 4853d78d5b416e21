// Builds the DTM server that the tests of the DTM strategy talk to: `node scripts/build-dtm.mjs [FOLDER]`. It
// goes into `.cache/dtm/<version>` of this repository unless FOLDER names another place, beside the SQL script
// that its PostgreSQL store needs. Prints the path of the program. DTM_BIN names one that exists already.
import { copyFile, chmod, mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { appear, fail, findGo, inModule, runGo } from './go-program.mjs';

const version = 'v1.19.0';
const module = 'github.com/dtm-labs/dtm';
const schemaScript = 'dtmsvr.storage.postgres.sql';
const given = process.env.DTM_BIN ? resolve(process.env.DTM_BIN) : undefined;
const folder = resolve(
  process.argv[2] ?? fileURLToPath(new URL(`../.cache/dtm/${version}`, import.meta.url)),
);
const program = given ?? join(folder, 'dtm');

if (given && !existsSync(given)) fail(1, `DTM_BIN=${given} does not exist.`);
if (!existsSync(program) || !existsSync(join(folder, schemaScript))) {
  const go = findGo();
  if (go) await provide(go);
  else if (given)
    console.error(`Without Go there is no ${schemaScript}: no tests on DTM's PostgreSQL store.`);
  else fail(3, 'The DTM server needs Go 1.22 or later: https://go.dev/dl, or DTM_BIN=<path> of a program.');
}
console.log(program);

async function provide(go) {
  await mkdir(folder, { recursive: true });
  await inModule('dtm', `module dtmserver\n\ngo 1.22\n\nrequire ${module} ${version}\n`, async (work) => {
    if (!existsSync(program)) {
      console.error(`Building ${module} ${version}; the first time this takes minutes.`);
      await appear(folder, 'dtm', (file) => {
        runGo(go, work, 'build', '-mod=mod', '-ldflags', `-X main.Version=${version}`, '-o', file, module);
      });
    }
    await appear(folder, schemaScript, async (file) => {
      runGo(go, work, 'mod', 'download', module);
      const source = runGo(go, work, 'list', '-m', '-mod=mod', '-f', '{{.Dir}}', module).trim();
      await copyFile(join(source, 'sqls', schemaScript), file);
      // The module cache is read-only, and so would the copy be.
      await chmod(file, 0o644);
    });
  });
}
