import { Check, Column, PrimaryColumn, type ColumnOptions } from 'typeorm';
import { snakeCase } from './naming.js';

/** What a column may be besides its type: part of the primary key, or allowed to be empty. */
export interface ColumnTraits {
  readonly primary?: boolean;
  readonly nullable?: boolean;
}

/** The primary key of nearly every table: a UUIDv7 made by the application (`newId()`). */
export const IdColumn = (): PropertyDecorator => PrimaryColumn('uuid');

/** A column that holds another row's id. Say `@ForeignKey(...)` beside it where the database must watch it. */
export const RefColumn = (traits: ColumnTraits = {}): PropertyDecorator => Column('uuid', { ...traits });

/**
 * Text of at most `length` characters. The CHECK `ck_<table>_<column>` repeats the length, because SQLite
 * ignores that of a varchar.
 */
export const TextColumn = (options: ColumnTraits & { readonly length: number }): PropertyDecorator =>
  decorate(Column('varchar', options), (column) => Check(lengthCheck(column, options.length)));

/** Text without a length of its own, or with a CHECK where `length` is given. */
export function LongTextColumn({
  length,
  ...traits
}: ColumnTraits & { readonly length?: number } = {}): PropertyDecorator {
  const column = Column('text', traits);
  return length === undefined ? column : decorate(column, (name) => Check(lengthCheck(name, length)));
}

/** A whole number within 32 bits; with a `default` where an earlier release writes rows without it. */
export const IntColumn = (traits: ColumnTraits & { readonly default?: number } = {}): PropertyDecorator =>
  Column('integer', traits);

/** A whole number up to 2^53 − 1, which PostgreSQL's driver would otherwise hand out as a string. */
export const BigIntColumn = (traits: ColumnTraits = {}): PropertyDecorator =>
  Column({ type: 'bigint', ...traits, transformer: bigIntAsNumber });

/** True or false. */
export const FlagColumn = (traits: ColumnTraits = {}): PropertyDecorator => Column('boolean', traits);

/** An instant with milliseconds, in UTC, as a `Date`. Its value comes from the `Clock`, never from the database. */
export const InstantColumn = (traits: ColumnTraits = {}): PropertyDecorator =>
  Column({ type: 'timestamptz', ...traits, precision: 3 });

/** Any JSON value, as the value it stands for. */
export const JsonColumn = (traits: ColumnTraits = {}): PropertyDecorator => Column('json', traits);

const bigIntAsNumber: ColumnOptions['transformer'] = {
  to: (value: number | null | undefined) => value,
  from: (value: string | number | null | undefined) =>
    value === null || value === undefined ? value : Number(value),
};

const lengthCheck = (column: string, length: number): string => `length("${column}") <= ${length}`;

function decorate(
  column: PropertyDecorator,
  check: (columnName: string) => PropertyDecorator,
): PropertyDecorator {
  return (target, property) => {
    column(target, property);
    check(snakeCase(String(property)))(target, property);
  };
}
