import type { UnitOfWork } from '../database/unit-of-work.js';

/** What only one unit of work does at a time, as keys of PostgreSQL's advisory locks; SQLite's writers are serial. */
const turns = { slug: 7_302_118, opening: 7_302_119 };

/** Waits until no other unit has this turn, and has it until the unit ends. What is read after that, nobody overtakes. */
export async function takeTurn(uow: UnitOfWork, turn: keyof typeof turns): Promise<void> {
  if (uow.dialect === 'postgres') await uow.query(`SELECT pg_advisory_xact_lock(${turns[turn]})`);
}
