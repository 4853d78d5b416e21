/**
 * Who steers, and why. It goes into the audit.
 *
 * @publicApi
 */
export interface ActionNote {
  /** Why. */
  readonly reason?: string;
  /** Who: a name, an e-mail address. Default: none. */
  readonly by?: string;
}
