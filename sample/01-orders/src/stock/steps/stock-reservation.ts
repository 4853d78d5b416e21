import { Type } from 'class-transformer';
import { ArrayNotEmpty, IsInt, IsString, Min, ValidateNested } from 'class-validator';

export class ReservedLine {
  @IsString()
  sku!: string;

  @IsInt()
  @Min(1)
  quantity!: number;
}

/** The arguments of `ReserveStock`. They are stored with jobs, so change them only in compatible ways. */
export class StockReservation {
  @IsString()
  orderNumber!: string;

  @ArrayNotEmpty()
  @ValidateNested({ each: true })
  @Type(() => ReservedLine)
  lines!: ReservedLine[];
}
