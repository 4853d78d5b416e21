import { IsNotEmpty, IsString, MaxLength } from 'class-validator';

/** Who does something by hand, and why. */
export class ActionDto {
  /** A service takes it from whoever has signed in. */
  @IsString()
  @IsNotEmpty()
  @MaxLength(255)
  by!: string;

  @IsString()
  @IsNotEmpty()
  @MaxLength(2000)
  reason!: string;
}
