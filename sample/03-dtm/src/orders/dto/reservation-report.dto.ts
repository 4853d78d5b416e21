import { Type } from 'class-transformer';
import { IsInt, IsString, Min, ValidateNested } from 'class-validator';

export class ReportedLineDto {
  @IsString()
  sku!: string;

  @IsInt()
  @Min(0)
  reserved!: number;
}

/** What the stock service could reserve of an order. */
export class ReservationReportDto {
  @ValidateNested({ each: true })
  @Type(() => ReportedLineDto)
  lines!: ReportedLineDto[];
}
