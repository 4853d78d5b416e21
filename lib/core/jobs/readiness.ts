/** Tells whether the application is far enough for jobs to be started. */
export interface Readiness {
  /** Finds the steps and databases, if that has not been done and can be done by now. */
  discover(): void;
  /** The transaction manager takes jobs. */
  readonly ready: boolean;
  /**
   * Makes it ready.
   *
   * @throws SteppingNotReadyError while the application's providers are being made.
   */
  prepare(): Promise<void>;
}
