import type { DtmServerOptions } from 'nestjs-stepping/dtm';
import { DEFAULTS } from './defaults.js';

/**
 * Where DTM is, and where it calls the service of this port back. Each service has callbacks of its own: the
 * steps of a job run in the service that started it.
 */
export function dtmSettings({ port }: { readonly port: number }): DtmServerOptions {
  const { DTM_URL, CALLBACK_URL, CALLBACK_SECRET } = process.env;
  return {
    server: DTM_URL ?? DEFAULTS.dtmUrl,
    callback: CALLBACK_URL ?? `http://127.0.0.1:${port}`,
    // Without one, whoever reaches this service could run its steps; in production it does not start then.
    ...(CALLBACK_SECRET && { secrets: CALLBACK_SECRET }),
    // The defaults are the better choice for a service; three seconds make the demonstration quick.
    queryPreparedAfter: '3s',
    retryInterval: '3s',
  };
}
