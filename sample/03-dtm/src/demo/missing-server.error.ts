/** Something that the demonstration needs is not there; the message says what, and how to get it. */
export class MissingServerError extends Error {}
