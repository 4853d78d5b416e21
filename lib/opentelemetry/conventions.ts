import type { Attributes } from '@opentelemetry/api';

/** The messaging conventions of OpenTelemetry, 1.44, whose names are not stable yet. Written out: their package is another one to install. */
export const ERROR_TYPE = 'error.type';

/** A job is sent by its start, and each attempt of a step processes it. */
export type Operation = 'start' | 'process';

export function messagingAttributes(operation: Operation, stepName: string): Attributes {
  return {
    'messaging.system': 'stepping',
    'messaging.operation.name': operation,
    'messaging.destination.name': stepName,
  };
}

export function spanAttributes(operation: Operation, stepName: string, gid: string): Attributes {
  return {
    ...messagingAttributes(operation, stepName),
    'messaging.operation.type': operation === 'start' ? 'send' : 'process',
    'messaging.message.id': gid,
  };
}
