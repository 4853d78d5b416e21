/**
 * A store that could not be asked, where jobs are stored in several databases. What an answer tells is without its jobs.
 *
 * @publicApi
 */
export interface MissingStore {
  /** The name of its `DataSource`. */
  readonly dataSource: string;
  /** Why, as text. */
  readonly error: string;
}
