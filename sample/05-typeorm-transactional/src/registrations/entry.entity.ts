import { Entity, PrimaryColumn } from 'typeorm';

/** An entry of a registration: `<what>:<course>`, which is also the id of its job. */
@Entity('entries')
export class Entry {
  @PrimaryColumn()
  id!: string;
}
