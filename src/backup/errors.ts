/** What was asked for is not safe or not possible as things are; nothing was changed. The message says what to do. */
export class RefusedError extends Error {
  override name = 'RefusedError';
}

/** A backup file is cut short, altered, or none at all. */
export class DamagedBackupError extends Error {
  override name = 'DamagedBackupError';
}

/** A row holds what its column can't mean, such as text in a number: it is not copied as something else. */
export class UnfitValueError extends Error {
  override name = 'UnfitValueError';
}

/** What was written is not what was read; the transaction is rolled back. */
export class RowsDifferError extends Error {
  override name = 'RowsDifferError';
}

/** The disk took no more, or the folder takes no files; what was begun is removed. */
export class StorageError extends Error {
  override name = 'StorageError';
}
