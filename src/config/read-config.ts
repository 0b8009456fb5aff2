import { existsSync } from 'node:fs';
import { type AppConfig, loadConfig } from './app-config.js';

/**
 * Reads the process's environment, in development with `.env`.
 * @param purpose as in `loadConfig`
 * @throws ConfigError
 */
export function readConfig(purpose: 'serve' | 'command' = 'serve'): AppConfig {
  if (process.env.NODE_ENV !== 'production' && existsSync('.env')) process.loadEnvFile('.env');
  return loadConfig(process.env, purpose);
}
