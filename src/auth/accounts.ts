/** Words about accounts that several features use. */
export const roles = ['admin', 'viewer'] as const;
export type Role = (typeof roles)[number];

export const languages = ['en', 'pt'] as const;
export type Language = (typeof languages)[number];
