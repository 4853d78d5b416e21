import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** While there is one, the printer prints nothing. */
@Entity('printer_outages')
export class PrinterOutage {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  reason!: string;
}
