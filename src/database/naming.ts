import { DefaultNamingStrategy, type NamingStrategyInterface, type Table } from 'typeorm';

/** `accessEndsAt` → `access_ends_at`. */
export function snakeCase(name: string): string {
  return name
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/**
 * Names as the migrations write them: columns in snake_case, `pk_<table>`, and `fk_`, `uq_`, `ix_` with the table
 * and its columns, `ck_` with the table and the column whose length it checks. Every other CHECK is named where it
 * is declared.
 */
export class SnakeNamingStrategy extends DefaultNamingStrategy implements NamingStrategyInterface {
  override columnName(property: string, customName: string, prefixes: string[]): string {
    return [...prefixes.map(snakeCase), customName || snakeCase(property)].join('_');
  }

  override joinColumnName(relation: string, referencedColumn: string): string {
    return snakeCase(`${relation}_${referencedColumn}`);
  }

  override primaryKeyName(table: Table | string): string {
    return `pk_${this.getTableName(table)}`;
  }

  override uniqueConstraintName(table: Table | string, columns: string[]): string {
    return this.constraintName('uq', table, columns);
  }

  override relationConstraintName(table: Table | string, columns: string[]): string {
    return this.constraintName('uq', table, columns);
  }

  override foreignKeyName(table: Table | string, columns: string[]): string {
    return this.constraintName('fk', table, columns);
  }

  override indexName(table: Table | string, columns: string[]): string {
    return this.constraintName('ix', table, columns);
  }

  override checkConstraintName(table: Table | string, expression: string): string {
    const column = /^length\("(\w+)"\) <= \d+$/.exec(expression)?.[1];
    if (!column) throw new Error(`Name this CHECK of ${this.getTableName(table)}: ${expression}`);
    return this.constraintName('ck', table, [column]);
  }

  private constraintName(kind: string, table: Table | string, columns: string[]): string {
    return [kind, this.getTableName(table), ...columns].join('_');
  }
}
