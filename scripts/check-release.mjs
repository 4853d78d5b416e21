// Refuses to publish what npm could not vouch for: the provenance statement of a release names the repository that
// it was built from, and npm compares that with the `repository` of package.json.
import { readFileSync } from 'node:fs';

const { repository } = JSON.parse(readFileSync('package.json', 'utf8'));
const url = typeof repository === 'string' ? repository : repository?.url;
if (!url) {
  console.error(
    'package.json has no "repository": set it to the URL of the repository before the first release.',
  );
  process.exit(1);
}
