import { Injectable } from '@nestjs/common';
import { newSecret } from '../common/ids.js';
import { Problem } from '../common/problem.js';
import { AppConfig } from '../config/app-config.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { UsersService } from './users.service.js';

export const DEVELOPMENT_EMAIL = 'admin@ecatalog.example';

/** Makes the first administrator while there is no user at all. There is no default password anywhere. */
@Injectable()
export class FirstAdminService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly users: UsersService,
    private readonly config: AppConfig,
  ) {}

  /**
   * Makes the first administrator of ADMIN_EMAIL and ADMIN_PASSWORD, or, in development only, one with a password
   * that is generated and kept nowhere.
   * @returns `exists` when there is a user, `created` with the generated password if any, `missing` in production
   *   without the variables
   */
  async ensure(): Promise<
    { state: 'exists' | 'missing' } | { state: 'created'; email: string; password?: string }
  > {
    const [user] = await this.uow.query('SELECT 1 AS "one" FROM "users" LIMIT 1');
    if (user) return { state: 'exists' };
    const { admin, production } = this.config;
    if (!admin && production) return { state: 'missing' };
    const email = admin?.email ?? DEVELOPMENT_EMAIL;
    const password = admin?.password ?? newSecret().slice(0, 24);
    try {
      await this.users.create({ name: 'Administrator', email, role: 'admin', password, language: 'en' });
    } catch (error) {
      // Another replica was first.
      if (error instanceof Problem && error.slug === 'conflict') return { state: 'exists' };
      throw error;
    }
    return { state: 'created', email, ...(!admin && { password }) };
  }
}
