export const FIRST_RELEASE: string;
export function previousRelease(): string;
export function buildRelease(commit: string, folder: string): Promise<string>;
