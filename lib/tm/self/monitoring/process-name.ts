import { hostname } from 'node:os';

/** As much of a host's name as is told. */
export const HOST = hostname().slice(0, 200);

/** The name that this process goes by: the host's, and its number there. */
export const PROCESS_NAME = `${HOST}:${process.pid}`;
