// Builds the TiDB server that tests run on: `node scripts/build-tidb.mjs [FOLDER]`. It goes into `.cache/tidb/<version>` of this
// repository unless FOLDER names another place. Prints the path of the program. TIDB_BIN names one that exists already.
// It takes about twelve minutes of computing time, once.
import { mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { appear, fail, findGo, inModule, runGo } from './go-program.mjs';

const release = 'v8.5.4';
/** The commit of that release: its tag is no version that Go modules know. */
const version = 'v1.1.0-beta.0.20251126154744-e4e814fdc0af';
const module = 'github.com/pingcap/tidb';
const parser = `${module}/pkg/parser`;
const given = process.env.TIDB_BIN ? resolve(process.env.TIDB_BIN) : undefined;
const folder = resolve(
  process.argv[2] ?? fileURLToPath(new URL(`../.cache/tidb/${release}`, import.meta.url)),
);
const program = given ?? join(folder, 'tidb-server');

/** Its own replacements: Go takes none over from a module that is required. */
const goMod = `module tidbserver

go 1.23

require (
	${module} ${version}
	${parser} v0.0.0-20251126154744-e4e814fdc0af
)

replace (
	github.com/go-ldap/ldap/v3 => github.com/YangKeao/ldap/v3 v3.4.5-0.20230421065457-369a3bab1117
	sourcegraph.com/sourcegraph/appdash => github.com/sourcegraph/appdash v0.0.0-20190731080439-ebfcffb1b5c0
	sourcegraph.com/sourcegraph/appdash-data => github.com/sourcegraph/appdash-data v0.0.0-20151005221446-73f23eafcf67
)
`;

if (given && !existsSync(given)) fail(1, `TIDB_BIN=${given} does not exist.`);
if (!existsSync(program)) {
  const go = findGo();
  if (!go)
    fail(3, 'The TiDB server needs Go 1.23 or later: https://go.dev/dl, or TIDB_BIN=<path> of a program.');
  await mkdir(folder, { recursive: true });
  console.error(`Building ${module} ${release}; this takes minutes.`);
  await inModule('tidb', goMod, (work) =>
    appear(folder, 'tidb-server', (file) => {
      const linker = `-s -w -checklinkname=0 -X ${parser}/mysql.TiDBReleaseVersion=${release}`;
      const target = `${module}/cmd/tidb-server`;
      runGo(go, work, 'build', '-mod=mod', '-buildvcs=false', '-ldflags', linker, '-o', file, target);
    }),
  );
}
console.log(program);
