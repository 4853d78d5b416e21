// The project's own lint rules, loaded by oxlint (`jsPlugins` in .oxlintrc.json).
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** What each folder of `lib` may import besides itself. The longest matching folder decides. */
const LAYERS = {
  'lib/errors/': ['lib/core/jobs/job-info.'],
  'lib/core/': ['lib/errors/'],
  'lib/store/': ['lib/errors/', 'lib/core/'],
  'lib/transactions/': ['lib/errors/', 'lib/core/', 'lib/store/'],
  'lib/tm/self/': [
    'lib/errors/',
    'lib/core/',
    'lib/store/',
    'lib/transactions/',
    'lib/stepping.options.',
    'lib/stepping.constants.',
  ],
  'lib/tm/dtm/': [
    'lib/errors/',
    'lib/core/',
    'lib/store/',
    'lib/transactions/',
    'lib/stepping.options.',
    'lib/stepping.constants.',
  ],
  'lib/opentelemetry/': ['lib/errors/', 'lib/core/'],
  'lib/terminus/': ['lib/errors/', 'lib/core/'],
  'lib/events/': ['lib/errors/', 'lib/core/', 'lib/store/', 'lib/transactions/', 'lib/stepping.'],
  'lib/dashboard/': ['lib/errors/', 'lib/core/'],
  // Runs in a browser: of the library, it knows types alone.
  'lib/dashboard/ui/': ['lib/core/jobs/', 'lib/core/operations/', 'lib/dashboard/api.'],
  'lib/testing/': [
    'lib/errors/',
    'lib/core/',
    'lib/store/',
    'lib/transactions/',
    'lib/tm/self/',
    'lib/stepping.options.',
    'lib/stepping.constants.',
  ],
  'lib/cli/': [
    'lib/errors/',
    'lib/core/',
    'lib/store/',
    'lib/transactions/',
    'lib/tm/self/',
    'lib/stepping.options.',
  ],
  'lib/stepping.options.': ['lib/errors/', 'lib/core/', 'lib/store/', 'lib/transactions/'],
  'lib/stepping.constants.': [],
  'lib/': ['lib/errors/', 'lib/core/', 'lib/store/', 'lib/transactions/', 'lib/tm/self/'],
};

/** Only the table of databases may reach into the folder of a database. */
const DATABASE_FOLDER = /^lib\/store\/(?:postgres|mysql|sqlite)\//;
const DATABASES = 'lib/store/databases.ts';

/** Packages that users may not have: described by their shape, or loaded with import() where they are used. */
const OPTIONAL =
  /^(?:typeorm|@nestjs\/typeorm|@nestjs\/terminus|pg|mysql2|better-sqlite3|class-validator|@grpc\/grpc-js|@nestjs\/microservices|amqplib|amqp-connection-manager|nats|@nats-io\/[a-z-]+|mqtt|ioredis|kafkajs|@opentelemetry\/api)(?:\/|$)/;
const LOADERS = {
  'class-validator': /^lib\/core\/steps\/arguments-validator\.ts$/,
  '@nestjs/terminus': /^lib\/terminus\/health-result\.ts$/,
  typeorm: /^lib\/cli\/data-source\.ts$/,
  '@grpc/grpc-js': /^lib\/tm\/dtm\/grpc-[^/]*\.ts$/,
  // Whoever imports this entry point has it.
  '@opentelemetry/api': /^lib\/opentelemetry\//,
};

const DATABASE_NAMES = new Set(['postgres', 'mysql', 'mariadb', 'better-sqlite3', 'sqlite']);

const layers = {
  create(context) {
    const file = pathOf(context.filename);
    if (!file.startsWith('lib/')) return {};
    const check = (node, source) => {
      if (typeof source !== 'string') return;
      const problem = source.startsWith('.') ? refusedFile(file, source) : refusedPackage(file, source);
      if (problem) context.report({ node, message: problem });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source.value),
      ExportAllDeclaration: (node) => check(node, node.source.value),
      ExportNamedDeclaration: (node) => check(node, node.source?.value),
      ImportExpression: (node) => check(node, node.source.value),
    };
  },
};

const databaseNames = {
  create(context) {
    const file = pathOf(context.filename);
    if (!file.startsWith('lib/') || DATABASE_FOLDER.test(file) || file === DATABASES) return {};
    return {
      Literal(node) {
        if (!DATABASE_NAMES.has(node.value)) return;
        context.report({
          node,
          message: `Ask for a capability of the dialect: only lib/store/<database> and ${DATABASES} know a database by its name.`,
        });
      },
    };
  },
};

/** The only place that knows Nest's logger: what it is given may hold anything. */
const LINE_LOGGER = 'lib/core/line-logger.ts';

const loggers = {
  create(context) {
    const file = pathOf(context.filename);
    if (!file.startsWith('lib/') || file === LINE_LOGGER) return {};
    const check = (node) => {
      const isLogger = ({ imported, local }) => (imported ?? local)?.name?.endsWith('Logger');
      if (node.source?.value !== '@nestjs/common' || !node.specifiers.some(isLogger)) return;
      context.report({
        node,
        message: `Log with the LineLogger of ${LINE_LOGGER}, which writes one bounded line.`,
      });
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check };
  },
};

export default {
  meta: { name: 'stepping' },
  rules: { layers, 'database-names': databaseNames, loggers },
};

function refusedFile(file, source) {
  const target = join(dirname(file), source);
  if (DATABASE_FOLDER.test(target) && file !== DATABASES) {
    const [folder] = DATABASE_FOLDER.exec(target);
    return file.startsWith(folder) ? undefined : `${folder} is reached through ${DATABASES} only.`;
  }
  const layer = Object.keys(LAYERS)
    .filter((folder) => file.startsWith(folder))
    .sort((a, b) => b.length - a.length)[0];
  const isOwn = layer === 'lib/' ? dirname(target) === 'lib' : target.startsWith(layer);
  if (isOwn || LAYERS[layer].some((allowed) => target.startsWith(allowed))) return undefined;
  return `${layer} imports only itself and ${LAYERS[layer].join(', ') || 'nothing'}.`;
}

function refusedPackage(file, source) {
  if (/^@nestjs\/[^/]+\/./.test(source)) return 'No deep imports: only what the package exports.';
  const optional = OPTIONAL.exec(source)?.[0].replace(/\/$/, '');
  if (optional === undefined || LOADERS[optional]?.test(file)) return undefined;
  return `${optional} is optional for users: describe it by its shape, or load it with import() in one place.`;
}

/** The path within the repository. A checkout of its own, as the tests make, may stand anywhere. */
function pathOf(filename) {
  return relative(repository, filename).replaceAll('\\', '/');
}
