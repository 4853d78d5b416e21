// The package is of type "module"; the CommonJS half of the build needs a package.json of its own to
// be read as what it is.
import { writeFile } from 'node:fs/promises';

await writeFile(new URL('../dist/cjs/package.json', import.meta.url), '{ "type": "commonjs" }\n');
