import { SnakeNamingStrategy, snakeCase } from './naming.js';

describe('names', () => {
  it.each([
    ['accessEndsAt', 'access_ends_at'],
    ['ip', 'ip'],
    ['clientURLPath', 'client_url_path'],
    ['sha256Hash', 'sha256_hash'],
  ])('%s → %s', (name, expected) => expect(snakeCase(name)).toBe(expected));

  it('are those of the migrations', () => {
    const naming = new SnakeNamingStrategy();
    expect(naming.columnName('endsAt', '', [])).toBe('ends_at');
    expect(naming.columnName('endsAt', 'given', [])).toBe('given');
    expect(naming.primaryKeyName('clients')).toBe('pk_clients');
    expect(naming.foreignKeyName('grants', ['client_id'])).toBe('fk_grants_client_id');
    expect(naming.uniqueConstraintName('grants', ['client_id', 'demo_id'])).toBe(
      'uq_grants_client_id_demo_id',
    );
    expect(naming.checkConstraintName('clients', 'length("name") <= 200')).toBe('ck_clients_name');
    expect(() => naming.checkConstraintName('clients', '"a" > 0')).toThrow('Name this CHECK of clients');
  });
});
