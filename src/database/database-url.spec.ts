import { describeDatabase, parseDatabaseUrl, tlsOptions, type PostgresUrl } from './database-url.js';

const plain = { port: 5432, tls: 'disable', tlsFiles: {}, channelBinding: false };

describe('parseDatabaseUrl', () => {
  it.each([
    ['sqlite:./data/ecatalog.db', './data/ecatalog.db'],
    ['sqlite:data/e catalog.db', 'data/e catalog.db'],
    ['sqlite:/data/ecatalog.db', '/data/ecatalog.db'],
    ['sqlite:///data/ecatalog.db', '/data/ecatalog.db'],
    ['  SQLITE:C:\\data\\e.db ', 'C:\\data\\e.db'],
  ])('reads %s', (text, path) => {
    expect(parseDatabaseUrl(text)).toEqual({ kind: 'sqlite', path });
  });

  it.each<[string, Partial<PostgresUrl>]>([
    ['postgres://db/catalog', { host: 'db', database: 'catalog' }],
    [
      'postgresql://me:p%40ss%2F%3A@db.example:6432/my%20catalog',
      { host: 'db.example', port: 6432, database: 'my catalog', user: 'me', password: 'p@ss/:' },
    ],
    ['postgres://[::1]/catalog', { host: '::1', database: 'catalog' }],
    ['postgres:///catalog?host=/var/run/postgresql', { host: '/var/run/postgresql', database: 'catalog' }],
    ['postgres:///catalog', { host: 'localhost', database: 'catalog' }],
    ['postgres://db/catalog?sslmode=verify-full', { host: 'db', database: 'catalog', tls: 'verify-full' }],
    [
      'postgres://db/catalog?sslmode=require&sslrootcert=/ca.pem&channel_binding=require&application_name=x&options=-c%20a%3Db',
      {
        ...{
          host: 'db',
          database: 'catalog',
          tls: 'require',
          tlsFiles: { ca: '/ca.pem' },
          channelBinding: true,
        },
        ...{ applicationName: 'x', options: '-c a=b' },
      },
    ],
  ])('reads %s', (text, expected) => {
    expect(parseDatabaseUrl(text)).toEqual({ kind: 'postgres', ...plain, ...expected });
  });

  it.each([
    ['', /names no kind of database/],
    ['./data/ecatalog.db', /names no kind of database/],
    ['file:./data/ecatalog.db', /write sqlite:PATH/],
    ['mysql://u:secret@h/d', /mysql: is not supported.*postgres:/],
    ['mongodb://h/d', /mongodb: is not supported/],
    ['jdbc:postgresql://h/d', /jdbc: is not supported/],
    ['sqlite:', /names no file/],
    ['sqlite://host/file.db', /takes a path and no host/],
    ['sqlite::memory:', /name a file/],
    ['sqlite:x.db?mode=ro', /no parameters/],
    ['postgres://db', /names no database/],
    ['postgres://db/', /names no database/],
    ['postgres://u:se:cret@/x@h:port/d', /Percent-encode/],
    ['postgres://db/d?sslmode=prefer', /sslmode=prefer is not supported.*verify-full/],
    ['postgres://db/d?pool=3', /unknown parameter pool/],
  ])('refuses %s in words', (text, message) => {
    expect(() => parseDatabaseUrl(text)).toThrow(message);
    expect(() => parseDatabaseUrl(text)).not.toThrow(/secret|se:cret/);
  });
});

describe('describeDatabase', () => {
  it('never shows the password', () => {
    expect(describeDatabase(parseDatabaseUrl('postgres://me:secret@db:1/catalog'))).toBe(
      'the PostgreSQL database "catalog" on db:1',
    );
    expect(describeDatabase(parseDatabaseUrl('sqlite:./x.db'))).toBe('the SQLite file ./x.db');
  });
});

describe('tlsOptions', () => {
  const of = (query: string) => tlsOptions(parseDatabaseUrl(`postgres://db/d${query}`) as PostgresUrl);

  it.each([
    ['', false, undefined],
    ['?sslmode=disable', false, undefined],
    ['?sslmode=require', { rejectUnauthorized: false }, true],
    ['?sslmode=verify-ca', { rejectUnauthorized: true }, true],
    ['?sslmode=verify-full', { rejectUnauthorized: true }, false],
  ])('reads %s as libpq does', (query, expected, anyHost) => {
    const options = of(query);
    if (expected === false) expect(options).toBe(false);
    else expect(options).toMatchObject(expected);
    expect(options && 'checkServerIdentity' in options).toBe(anyHost ?? false);
  });

  it('checks the signer once a CA is given, and says which file it can not read', () => {
    const query = `?sslmode=require&sslrootcert=${import.meta.filename}`;
    expect(of(query)).toMatchObject({
      rejectUnauthorized: true,
      ca: expect.stringContaining('describe') as string,
    });
    expect(() => of('?sslmode=require&sslrootcert=/no/such.pem')).toThrow('/no/such.pem');
  });
});
