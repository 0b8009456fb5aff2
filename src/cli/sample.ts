import type { NewUserInput } from '../auth/users.dto.js';

/** The sample catalog: fictitious people and demos. Days are counted from the day it is loaded, negative before it. */
export const sampleUsers: Pick<NewUserInput, 'name' | 'email' | 'role' | 'language'>[] = [
  { name: 'Marta Nunes', email: 'marta.nunes@sample.example', role: 'admin', language: 'pt' },
  { name: 'Oliver Grant', email: 'oliver.grant@sample.example', role: 'admin', language: 'en' },
  { name: 'Vera Lima', email: 'vera.lima@sample.example', role: 'viewer', language: 'pt' },
];

export const sampleImages = [
  {
    reference: 'registry.sample.example/demos/route-planner:2.4.1',
    description: 'Route planner, release build',
  },
  {
    reference: 'registry.sample.example/demos/invoice-reader:1.9.0',
    description: 'Invoice reader with its model',
  },
  {
    reference: 'registry.sample.example/demos/shop-assistant:3.0.2',
    description: 'Shop assistant, no outside calls',
  },
  { reference: 'nginx:1.29', description: 'Serves static demos' },
  { reference: 'registry.sample.example/demos/floor-twin:0.8.0', description: 'Factory twin, preview' },
];

export interface SampleDemo {
  title: string;
  summary: string;
  category: string;
  tags: string[];
  /** Index into `sampleImages`, or the address of a link demo. */
  launch: number | string;
  published: boolean;
}

export const sampleDemos: SampleDemo[] = [
  {
    title: 'Fleet dashboard',
    summary: 'Where every truck is, and which one will be late.',
    category: 'logistics',
    tags: ['maps', 'live'],
    launch: 'https://fleet.sample.example',
    published: true,
  },
  {
    title: 'Route planner',
    summary: 'Plans a day of deliveries in seconds, with time windows and loads.',
    category: 'logistics',
    tags: ['maps', 'optimisation'],
    launch: 0,
    published: true,
  },
  {
    title: 'Invoice reader',
    summary: 'Reads scanned invoices and books them.',
    category: 'finance',
    tags: ['documents', 'machine learning'],
    launch: 1,
    published: true,
  },
  {
    title: 'Shop assistant',
    summary: 'Answers customers from the catalog of a shop.',
    category: 'retail',
    tags: ['chat', 'machine learning'],
    launch: 'https://assistant.sample.example',
    published: true,
  },
  {
    title: 'Factory twin',
    summary: 'A floor of machines, simulated side by side with the real one.',
    category: 'manufacturing',
    tags: ['simulation'],
    launch: 4,
    published: false,
  },
];

export interface SampleClient {
  name: string;
  email: string;
  company: string;
  language: 'en' | 'pt';
  /** The day the client was created and the days of the access window. */
  created: number;
  starts: number;
  ends: number;
  revoked?: number;
  /** Indices into `sampleDemos`. */
  grants: number[];
  /** Demo sessions a week. */
  perWeek: number;
}

export const sampleClients: SampleClient[] = [
  {
    name: 'Ana Sousa',
    email: 'ana.sousa@sample.example',
    company: 'Transportes Norte',
    language: 'pt',
    created: -85,
    starts: -85,
    ends: 40,
    grants: [0, 1],
    perWeek: 6,
  },
  {
    name: 'Ben Carter',
    email: 'ben.carter@sample.example',
    company: 'Carter & Sons',
    language: 'en',
    created: -60,
    starts: -60,
    ends: 5,
    grants: [0, 2, 3],
    perWeek: 4,
  },
  {
    name: 'Chloe Martin',
    email: 'chloe.martin@sample.example',
    company: 'Maison Martin',
    language: 'en',
    created: -70,
    starts: -70,
    ends: -3,
    grants: [3],
    perWeek: 3,
  },
  {
    name: 'Diogo Pinto',
    email: 'diogo.pinto@sample.example',
    company: 'Pinto Metal',
    language: 'pt',
    created: -2,
    starts: 7,
    ends: 37,
    grants: [1],
    perWeek: 0,
  },
  {
    name: 'Erik Holm',
    email: 'erik.holm@sample.example',
    company: 'Holm Logistik',
    language: 'en',
    created: -50,
    starts: -50,
    ends: 60,
    revoked: -20,
    grants: [0, 1],
    perWeek: 5,
  },
  {
    name: 'Fatima Alves',
    email: 'fatima.alves@sample.example',
    company: 'Contas Claras',
    language: 'pt',
    created: -30,
    starts: -30,
    ends: 90,
    grants: [2],
    perWeek: 5,
  },
];
