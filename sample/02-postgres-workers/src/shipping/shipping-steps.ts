/** What the processes that start a job and those that run it agree on. It is stored with jobs. */
export const BOOK_CARRIER = 'book-carrier';
export const PRINT_LABEL = 'print-label';

/** The arguments of both steps. */
export interface ParcelArguments {
  readonly parcelNumber: string;
}
