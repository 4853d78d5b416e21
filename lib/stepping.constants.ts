/** The options as the application gave them. */
export const STEPPING_MODULE_OPTIONS = Symbol('STEPPING_MODULE_OPTIONS');

/** The options as the library uses them: complete and checked. */
export const STEPPING_RESOLVED_OPTIONS = Symbol('STEPPING_RESOLVED_OPTIONS');

/** The settings of the self-TM as the application gave them. */
export const SELF_TM_OPTIONS = Symbol('SELF_TM_OPTIONS');

/** Watches the application's `DataSource`s from their creation on; nobody injects it. */
export const DATA_SOURCE_WATCH = Symbol('DATA_SOURCE_WATCH');
