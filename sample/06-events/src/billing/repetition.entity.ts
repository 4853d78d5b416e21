import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** An event that came once more, and made no difference. The sample keeps it to tell of it. */
@Entity('repetitions')
export class Repetition {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  eventId!: string;

  @CreateDateColumn()
  receivedAt!: Date;
}
