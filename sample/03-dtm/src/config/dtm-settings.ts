import type { DtmServerOptions } from 'nestjs-stepping/dtm';
import { DEFAULTS } from './defaults.js';

/**
 * The addresses of DTM and of the callbacks of the service on this port. Each service has its own callbacks: the
 * steps of a job run in the service that started it.
 */
export function dtmSettings({ port }: { readonly port: number }): DtmServerOptions {
  const { DTM_URL, CALLBACK_URL, CALLBACK_SECRET } = process.env;
  return {
    server: DTM_URL ?? DEFAULTS.dtmUrl,
    callback: CALLBACK_URL ?? `http://127.0.0.1:${port}`,
    // Without a secret, anyone who can reach this service could run its steps. So it does not start then.
    secrets: CALLBACK_SECRET,
    // Use the defaults in a real service. Three seconds make the demonstration quick.
    queryPreparedAfter: '3s',
    retryInterval: '3s',
  };
}
