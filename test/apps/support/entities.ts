import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The tables of `test/support/order.entity.ts`, for processes of their own. */
@Entity('orders')
export class Order {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id!: string;

  @Column({ type: 'varchar', length: 255, default: '' })
  note!: string;
}

@Entity('effects')
export class Effect {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id!: string;

  @Column({ type: 'varchar', length: 255 })
  key!: string;
}
