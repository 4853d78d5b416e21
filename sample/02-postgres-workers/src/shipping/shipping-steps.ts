/** What those who start a job and those who run it agree on. Jobs are stored with it. */
export const BOOK_CARRIER = 'book-carrier';
export const PRINT_LABEL = 'print-label';

/** The arguments of both steps. */
export interface ParcelArguments {
  readonly parcelNumber: string;
}
