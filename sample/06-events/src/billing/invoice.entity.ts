import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** No constraint keeps an order from having two of them. That none has is the doing of the inbox. */
@Entity('invoices')
export class Invoice {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  orderNumber!: string;

  @Column()
  customerEmail!: string;

  @Column('integer')
  totalCents!: number;

  @CreateDateColumn()
  writtenAt!: Date;
}
