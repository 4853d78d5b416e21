import { Matches } from 'class-validator';
import { ActionDto } from './action.dto.js';

export class RetryFailedDto extends ActionDto {
  /** Over how long a time the new attempts are spread. */
  @Matches(/^\d{1,3}(s|m)$/, { message: 'spread must look like 30s or 10m' })
  spread!: string;
}
