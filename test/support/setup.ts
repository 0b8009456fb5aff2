import { closeEverything } from './cleanup.js';

// Jest gives each suite a process.env of its own, so that this reaches only the suite it runs before.
process.env.TEST_DATABASE = (globalThis as unknown as { TEST_DATABASE: string }).TEST_DATABASE;

afterAll(closeEverything);
