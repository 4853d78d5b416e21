/** Something that the demonstration needs is missing. The message says what, and how to get it. */
export class MissingServerError extends Error {}
