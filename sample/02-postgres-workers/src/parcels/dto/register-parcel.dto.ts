import { IsInt, IsNotEmpty, IsString, Matches, Max, Min } from 'class-validator';

export class RegisterParcelDto {
  /** Chosen by the client, so that a parcel sent twice is recognized. */
  @Matches(/^P-\d{5}$/, { message: 'number must look like P-12345' })
  number!: string;

  @IsString()
  @IsNotEmpty()
  recipient!: string;

  @IsString()
  @IsNotEmpty()
  city!: string;

  @IsInt()
  @Min(1)
  @Max(31_500)
  grams!: number;
}
